"""The only place where kinds meet: words become specs, specs become keyed steps, steps are run."""
