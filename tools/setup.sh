# What tools/quickstart and tools/check share: packages, configure, build. Sourced with `root` set to the top
# of the tree. Talks on stderr only; stdout belongs to the results.

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$(basename "$0"): $*"
    exit 1
}

is_there() { # command:NAME, pkg-config:MODULE or file:PATTERN
    case $1 in
    command:*) command -v "${1#*:}" >/dev/null ;;
    pkg-config:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#*:}" ;;
    file:*) compgen -G "${1#*:}" >/dev/null ;;
    esac
}

missing_packages() { # of one kind, each once
    local kind package probe
    while read -r kind package probe; do
        if [ "$kind" = "$1" ] && ! is_there "$probe"; then printf '%s\n' "$package"; fi
    done <"$root/tools/packages.txt" | sort -u
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        return 1
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@" # nobody is there to type a password
    fi
}

apt_log=/dev/null
apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" >>"$apt_log" 2>&1 </dev/null
}

# Installs what is missing of the kinds named; optional packages may stay away.
install_packages() {
    local kind package
    local -a needed=() wanted=()
    for kind in "$@"; do
        while read -r package; do
            if [ "$kind" = optional ]; then wanted+=("$package"); else needed+=("$package"); fi
        done < <(missing_packages "$kind")
    done
    [ $((${#needed[@]} + ${#wanted[@]})) -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        [ ${#needed[@]} = 0 ] || die "cannot install packages: no apt-get here; what these Debian packages bring is missing: ${needed[*]}"
        return 0
    fi
    mkdir -p "$root/build"
    apt_log=$root/build/packages.log
    : >"$apt_log"
    say "installing packages with apt-get: ${needed[*]} ${wanted[*]}"
    apt update || say "  the package lists could not be refreshed (see $apt_log)"
    if [ ${#needed[@]} -gt 0 ] && ! apt install --no-install-recommends "${needed[@]}"; then
        tail -n 5 "$apt_log" >&2
        die "cannot install packages; run this as root: apt-get install ${needed[*]}"
    fi
    for package in "${wanted[@]}"; do
        apt install --no-install-recommends "$package" || say "  going on without the optional $package"
    done
}

# Runs a step with its output in a log; shows the end of the log when it fails.
logged() { # LOG COMMAND...
    local log=$1
    shift
    "$@" >>"$log" 2>&1 && return 0
    tail -n 40 "$log" >&2
    say "failed: $* (all of it: $log)"
    return 1
}

# Configures and builds a preset, everything or one target.
build_preset() { # PRESET [TARGET]
    local log=$root/build/$1.log
    mkdir -p "$root/build" || return 1
    : >"$log" || return 1
    say "building $1 (a minute or two the first time)"
    (
        cd "$root" || exit 1
        logged "$log" cmake --preset "$1" &&
            logged "$log" cmake --build --preset "$1" -j "$(nproc)" ${2:+--target "$2"}
    )
}
