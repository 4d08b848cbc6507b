#!/usr/bin/env bash
#
# Installs the real mail servers that the interop tests talk to.
#
#     tests/interop/install.sh [auto|off|require]
#
# auto     installs them on a Debian machine as root, else says what is left out
# off      leaves them out
# require  fails where auto would leave them out
#
# Postfix and Dovecot come from apt. Exim cannot: Debian lets only one mail
# transport agent be installed. So its package is unpacked below .interop, its
# libraries come from apt, and its system user is made here. No service starts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

MODE=${1:-auto}
PACKAGES=(postfix dovecot-imapd dovecot-pop3d openssl gnutls-bin swaks libnet-ssleay-perl)
EXIM_PACKAGE=exim4-daemon-heavy
EXIM_USER=Debian-exim
CACHE=.interop
EXIM=$CACHE/exim/usr/sbin/exim4
LOG=$CACHE/install.log
POLICY=/usr/sbin/policy-rc.d

main() {
    case $MODE in
        off) say "off: the tests against postfix, exim and dovecot are left out" ;;
        auto | require) provide ;;
        *) fail "no such mode: $MODE" "say auto, off or require" 2 ;;
    esac
}

provide() {
    local missing
    missing=$(missing_packages)
    if [ -z "$missing" ] && exim_runs; then
        say "postfix, exim and dovecot are there, nothing to install"
    elif ! on_debian; then
        leave_out "this machine is not Debian" "run on Debian, or set INTEROP=auto"
    elif [ "$(id -u)" -ne 0 ]; then
        leave_out "installing packages needs root" "run as root, or set INTEROP=auto"
    else
        announce "$missing"
        install_all
    fi
}

install_all() {
    mkdir -p "$CACHE"
    if { attempt || { update && attempt; }; } >"$LOG" 2>&1 && exim_runs; then
        say "installed"
    else
        tail -n 15 "$LOG" >&2
        leave_out "the packages could not be installed" "read $LOG"
    fi
}

# Every step is chained: `set -e` is off inside a condition.
attempt() {
    without_services &&
        preseed_postfix &&
        install_packages &&
        unpack_exim &&
        make_exim_user
}

# -- what is there -----------------------------------------------------------

missing_packages() {
    local package
    for package in "${PACKAGES[@]}"; do
        installed "$package" || printf '%s ' "$package"
    done
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Asking for its version loads its libraries and looks up its user: both must be there.
exim_runs() {
    "$EXIM" -C /dev/null -bV >/dev/null 2>&1
}

on_debian() {
    [ -e /etc/debian_version ] && command -v apt-get >/dev/null
}

# -- what is done ------------------------------------------------------------

update() {
    apt-get -q update
}

# --no-remove: a mail server that already serves this machine stays where it is.
install_packages() {
    local libraries
    mapfile -t libraries < <(exim_libraries)
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
        install --no-install-recommends --no-remove --no-upgrade \
        "${PACKAGES[@]}" "${libraries[@]}" </dev/null
}

exim_libraries() {
    apt-cache depends "$EXIM_PACKAGE" | sed -n 's/^  Depends: \(lib.*\)/\1/p'
}

# A service must not start when its package is configured. A machine that has a
# policy of its own keeps it.
without_services() {
    [ -e "$POLICY" ] && return
    trap 'rm -f "$POLICY"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$POLICY" && chmod 755 "$POLICY"
}

# Unasked, the package would leave Postfix without any main.cf.
preseed_postfix() {
    installed postfix || debconf-set-selections <<-END
	postfix postfix/main_mailer_type select Local only
	postfix postfix/mailname string localhost.localdomain
	END
}

# The sandbox user of apt may not write here.
unpack_exim() {
    exim_runs && return
    local download=$CACHE/download
    rm -rf "$download" "$CACHE/exim"
    mkdir -p "$download" &&
        (cd "$download" && apt-get -q -o APT::Sandbox::User=root download "$EXIM_PACKAGE") &&
        dpkg -x "$download"/*.deb "$CACHE/exim" &&
        rm -rf "$download"
}

# As the package would make it; adduser has to be told to accept the capital.
make_exim_user() {
    id "$EXIM_USER" >/dev/null 2>&1 ||
        adduser --quiet --system --group --home /var/spool/exim4 --no-create-home \
            --force-badname "$EXIM_USER"
}

# -- what is said ------------------------------------------------------------

say() {
    printf 'interop: %s\n' "$*"
}

announce() {
    [ -z "$1" ] || say "will install with apt: ${1% }"
    exim_runs || say "will unpack $EXIM_PACKAGE below $CACHE, install its libraries and add the user $EXIM_USER"
    say "no service is started and no package is removed"
}

leave_out() {
    [ "$MODE" = auto ] || fail "$1" "$2" 1
    say "$1, so the tests against postfix, exim and dovecot are left out"
}

fail() {
    printf 'interop: error: %s\ninterop: hint: %s\n' "$1" "$2" >&2
    exit "$3"
}

main
