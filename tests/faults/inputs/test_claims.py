"""Claim files that make no claim: each is refused before anything is trained or a folder is made."""

import functools

import pytest

SOURCE = '[[source]]\nauthor = "A"\nyear = 2000\ntitle = "t"\n'
SUBJECT = '[subject.a]\ntask = "fashion"\nlearner = "ridge"\nmembers = 8\nprobes = ["generalization/gap"]\n'
EXPECT = '[[expect]]\nsays = "s"\nquantity = "generalization/gap/gap"\nabove = 0.1\n'
GOOD = f'claim = "c"\n{SOURCE}{SUBJECT}{EXPECT}'


def with_(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


def subject(line):
    return GOOD.replace(SUBJECT, SUBJECT + line + "\n")


def expect(line):
    return GOOD + line + "\n"


CLAIMS = {
    "empty": "", "a null": "\0", "nulls": "\0" * 999, "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "UTF-16": GOOD.encode("utf-16"), "a mark": b"\xef\xbb\xbf", "JSON": '{"claim": "c"}', "HTML": "<html>404</html>",
    "an open text": 'claim = "c', "an open list": "claim = [", "a key twice": 'claim = "c"\n' + GOOD, "a table twice": GOOD + SUBJECT, "deep lists": "a = " + "[" * 2000, "deep lists, closed": "a = " + "[" * 2000 + "]" * 2000,
    "deep tables": "[" + ".".join("a" * 3000) + "]", "long digits": with_("2000", "9" * 5000), "a long key": "k" * 100_000 + " = 1\n" + GOOD, "many keys": "\n".join(f"k{i} = 1" for i in range(5000)),
    "no claim": with_('claim = "c"\n', ""), "a claim that is a number": with_('claim = "c"', "claim = 1"), "a claim that is a list": with_('claim = "c"', "claim = []"), "no source": with_(SOURCE, ""), "a source that is one table": with_("[[source]]", "[source]"),
    "a source that is a text": with_(SOURCE, 'source = "A"\n'), "a source of numbers": with_(SOURCE, "source = [1]\n"), "a source without a year": with_("year = 2000\n", ""), "a year that is a text": with_("2000", '"now"'), "a year that is a date": with_("2000", "2000-01-01"), "a year that is NaN": with_("2000", "nan"), "a year that is infinite": with_("2000", "inf"),
    "no subject": with_(SUBJECT, ""), "a subject that is a text": with_(SUBJECT, 'subject = "a"\n'), "a subject that is a list": with_("[subject.a]", "[[subject]]"), "subjects that are texts": with_(SUBJECT, '[subject]\na = "b"\n'), "no task": with_('task = "fashion"\n', ""), "an unknown task": with_('"fashion"', '"nosuch"'), "an empty task": with_('"fashion"', '""'),
    "a task that is a path": with_('"fashion"', '"/etc/passwd"'), "a task that is a program": with_('"fashion"', '"subprocess:Popen"'), "a task of tables": with_('"fashion"', '"table"'), "a task that is a number": with_('"fashion"', "1"), "an unknown learner": with_('"ridge"', '"nosuch"'), "a learner that is a program": with_('"ridge"', '"subprocess:Popen"'),
    "a learner that is a file": with_('"ridge"', '"mine.py"'), "a learner that is a number": with_('"ridge"', "1"), "an unknown setting of the learner": subject("learner_settings = { nosuch = 1 }"), "settings that are a list": subject("learner_settings = [1]"), "a setting that is a date": subject("learner_settings = { strength = 2000-01-01 }"), "a setting that is NaN": subject("learner_settings = { strength = nan }"),
    "unknown settings of the task": subject("task_settings = { nosuch = 1 }"), "a setting of the task that is a text": subject('task_settings = { n = "many" }'), "a negative setting of the task": subject("task_settings = { n = -5 }"), "a huge setting of the task": subject("task_settings = { n = 999999999999 }"), "no probes": with_('["generalization/gap"]', "[]"), "probes that are a text": with_('["generalization/gap"]', '"generalization/gap"'), "an unknown probe": with_('["generalization/gap"]', '["nosuch"]'),
    "probes that are numbers": with_('["generalization/gap"]', "[1]"), "an unknown setting of a probe": with_('["generalization/gap"]', '["generalization/gap:nosuch=1"]'), "one member": with_("members = 8", "members = 1"), "no members": with_("members = 8", "members = 0"), "fewer than none": with_("members = 8", "members = -8"), "members that are half": with_("members = 8", "members = 8.5"), "members that are true": with_("members = 8", "members = true"),
    "members that are NaN": with_("members = 8", "members = nan"), "a share above 1": subject("share = 1.5"), "a share of 0": subject("share = 0"), "a negative share": subject("share = -0.5"), "a share that is NaN": subject("share = nan"), "a share that is true": subject("share = true"), "flips above 1": subject("flip = 2"), "negative flips": subject("flip = -0.1"), "flips of NaN": subject("flip = nan"),
    "a seed that is a text": subject('seed = "a"'), "an unknown lever": subject('levers = ["nosuch=1"]'), "a lever of NaN": subject('levers = ["weight-decay=nan"]'), "levers that are a text": subject('levers = "weight-decay=1"'), "an unknown field": subject("nosuch = 1"), "a grid beside subjects": GOOD + "[grid]\nflip = [0.1]\n", "a grid that is a list": with_(SUBJECT, '[[grid]]\n'), "a grid of a text": with_(SUBJECT, '[every]\ntask = "fashion"\nprobes = ["generalization/gap"]\n[grid]\nflip = "much"\n'), "a grid of NaN": with_(SUBJECT, '[every]\ntask = "fashion"\nprobes = ["generalization/gap"]\n[grid]\nflip = [nan]\n'), "an unknown survey": GOOD + "[survey.nosuch]\n", "a survey that is a text": 'survey = "dose"\n' + GOOD, "a survey of an unknown field": GOOD + '[survey.dose]\nquantity = "generalization/gap/gap"\nby = "flip"\nnosuch = 1\n', "a survey along nothing": GOOD + '[survey.dose]\nquantity = "generalization/gap/gap"\nby = "flip"\n', "an expectation of no survey": expect("") + '[[expect]]\nsays = "s"\nquantity = "survey/nosuch/trend"\nabove = 0\n',
    "no expectation": with_(EXPECT, ""), "an expectation that is one table": with_("[[expect]]", "[expect]"), "an unknown quantity": with_("gap/gap", "gap/nosuch"), "a quantity of another probe": with_("generalization/gap/gap", "memory/counterfactual/memorised_share"), "a quantity that is a word": with_('"generalization/gap/gap"', '"gap"'),
    "no comparison": with_("above = 0.1\n", ""), "two comparisons": expect("below = 1"), "above NaN": with_("0.1", "nan"), "above infinity": with_("0.1", "inf"), "above a date": with_("0.1", "2000-01-01"), "above true": with_("0.1", "true"), "above a list": with_("0.1", "[0.1]"), "above a word": with_("0.1", '"much"'), "near without within": with_("above", "near"),
    "within nothing": with_("above = 0.1", "near = 0.1\nwithin = 0.0"), "within NaN": with_("above = 0.1", "near = 0.1\nwithin = nan"), "within infinity": with_("above = 0.1", "near = 0.1\nwithin = inf"), "near NaN": with_("above = 0.1", "near = nan\nwithin = 0.1"), "of an unknown subject": expect('of = "b"'), "than of an unknown subject": expect('than_of = "b"'), "says a number": with_('says = "s"', "says = 1"), "an unknown field of the file": 'nosuch = 1\n' + GOOD, "words that are numbers": GOOD + "[words]\ngap = 1\n", "every that is a list": GOOD + "[[every]]\nseed = 1\n", "every of an unknown field": GOOD + "[every]\nnosuch = 1\n",
}  # fmt: skip


def _written(content, folder):
    (folder / "mine.toml").write_bytes(content)


def test_a_claim_is_refused(sample, trials):
    for name, text in sample(CLAIMS):
        write = functools.partial(_written, text if isinstance(text, bytes) else text.encode())
        ended = trials.ended(["study", "mine.toml", "--jobs", "1", "--device", "cpu", "--json"], write)
        problem = f"left {ended.left}" if ended.left and name != "an unknown quantity" else ""  # that is known at the end
        trials.add("study of a claim file", name, ended, (2, 3), problem)


@pytest.mark.parametrize("make", ["mkdir", "symlink_to"])
def test_a_claim_file_that_is_none(make, trials):
    def prepare(folder):
        getattr(folder / "mine.toml", make)(*(["mine.toml"] if make == "symlink_to" else []))

    trials.add("study of a claim file", make, trials.ended(["study", "mine.toml"], prepare), 2)
