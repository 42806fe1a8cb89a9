"""`byheart --install-completion` and `--show-completion`: the scripts of bash, zsh and fish, and where they go."""

from __future__ import annotations

from pathlib import Path

SCRIPTS = {
    "bash": """_byheart() {
    local IFS=$'\\n'
    COMPREPLY=($(_BYHEART_COMPLETE=bash "$1" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -F _byheart byheart
""",
    "zsh": """#compdef byheart
_byheart() {
    local -a found
    found=(${(f)"$(_BYHEART_COMPLETE=zsh $words[1] "${(@)words[2,$CURRENT]}" 2>/dev/null)"})
    if (( $#found == 0 )); then _files
    elif [[ $found[1] == *=:* ]]; then _describe byheart found -S ''
    else _describe byheart found
    fi
}
compdef _byheart byheart
""",
    "fish": """complete -c byheart -f -n 'test (count (commandline -opc)) -eq 1'
complete -c byheart -a '(set -l last (commandline -ct); env _BYHEART_COMPLETE=fish (commandline -opc) "$last" 2>/dev/null)'
""",
}
FILES = {  # where each shell looks; for bash and zsh a line of their start file reads it
    "bash": (".local/share/byheart/complete.bash", ".bashrc"),
    "zsh": (".local/share/byheart/complete.zsh", ".zshrc"),
    "fish": (".config/fish/completions/byheart.fish", ""),
}


def script(words: list[str], install: bool) -> str:
    """The script of the shell that is named, else of the one that called; installed, what was written where.

    Raises:
        UsageError: another shell, or one that cannot be told.
        OutputRefused: a file that cannot be written.
    """
    shell = words[0] if words else _calling()
    if shell not in SCRIPTS or len(words) > 1:
        from byheart.errors import UsageError

        option = "--install-completion" if install else "--show-completion"
        raise UsageError(
            "bash, zsh or fish", " ".join(words) or shell or "a shell that is none", f"Try: byheart {option} bash."
        )
    return _installed(shell) if install else SCRIPTS[shell].rstrip()


def _calling() -> str:
    import shellingham

    try:
        return shellingham.detect_shell()[0]
    except shellingham.ShellDetectionFailure:
        return ""


def _installed(shell: str) -> str:
    """Write the script, and once the line that reads it; both told."""
    from byheart.errors import OutputRefused
    from byheart.files import write_whole

    name, start = FILES[shell]
    path = Path.home() / name
    told = [f"{path} written"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, SCRIPTS[shell].encode())
        if start:
            told += _read_from(Path.home() / start, shell, path)
    except OSError as error:
        raise OutputRefused(
            f"to write {error.filename or path}", f"{error.strerror or error}", "Or: byheart --show-completion."
        ) from error
    return "\n".join([*told, "It works in shells that start from now on."])


def _read_from(start: Path, shell: str, path: Path) -> list[str]:
    line = f"source '{path}'"
    text = start.read_text(encoding="utf-8") if start.is_file() else ""
    if line in text:
        return [f"{start} reads it already"]
    ready = "autoload -Uz compinit && compinit\n" if shell == "zsh" and "compinit" not in text else ""
    end = "" if not text or text.endswith("\n") else "\n"
    with start.open("a", encoding="utf-8") as file:
        file.write(f"{end}{ready}{line}\n")
    return [f"{start}: one line added"]
