"""Many tasks, none of them done twice: kept on disk, spread over processes, safe from kills."""
