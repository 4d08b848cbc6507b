#!/usr/bin/env bash
#
# Installs the real servers, and some clients, of the interop tests.
#
#     tests/interop/install.sh [auto|off|require]
#
# auto     installs them on a Debian machine as root, else says what is left out
# off      leaves them out
# require  fails where auto would leave them out
#
# Most come from apt. Some cannot: Debian lets only one mail transport agent and
# one FTP server be installed, and INN wants a full host name while it is set up.
# Their packages are unpacked below .interop, their libraries come from apt, and
# the system user of Exim is made here. No service starts. Software with known flaws
# comes from PyPI, into environments of its own (specimens.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

MODE=${1:-auto}
# mail
PACKAGES=(postfix dovecot-imapd dovecot-pop3d openssl gnutls-bin swaks libnet-ssleay-perl)
PACKAGES+=(dovecot-lmtpd dovecot-managesieved)
# chat
PACKAGES+=(prosody inspircd)
# directories, databases, desktops, printers, power
PACKAGES+=(slapd postgresql mariadb-server xrdp tigervnc-standalone-server cups-daemon nut-server libnss3-tools stunnel4)
# names: the servers, and the library that validates in our own process
PACKAGES+=(nsd unbound libunbound8)
# what reads units as systemd does; nothing is started by it
PACKAGES+=(systemd libseccomp2)
# what puts load on the daemon is written in C
PACKAGES+=(gcc libc6-dev)
# clients
PACKAGES+=(curl gpg gpg-agent ldap-utils postgresql-client mariadb-client freetds-bin python3)
PACKAGES+=(fetchmail sieve-connect lftp cups-ipp-utils freerdp2-x11 tigervnc-viewer nut-client)
EXIM_PACKAGE=exim4-daemon-heavy
EXIM_USER=Debian-exim
CACHE=.interop
# the folder below the cache: the packages in it, and the program that they are for
declare -A UNPACKED=(
    [exim]=$EXIM_PACKAGE
    [inn]="inn2 inn2-inews"
    [proftpd]="proftpd-core proftpd-mod-crypto"
    [vsftpd]=vsftpd
)
declare -A PROGRAMS=(
    [exim]=usr/sbin/exim4
    [inn]=usr/lib/news/bin/nnrpd
    [proftpd]=usr/sbin/proftpd
    [vsftpd]=usr/sbin/vsftpd
)
LOG=$CACHE/install.log
POLICY=/usr/sbin/policy-rc.d

main() {
    case $MODE in
        off) say "off: the tests against real servers are left out" ;;
        auto | require)
            provide
            provide_specimens
            ;;
        *) fail "no such mode: $MODE" "say auto, off or require" 2 ;;
    esac
}

provide() {
    local missing
    missing=$(missing_packages)
    if [ -z "$missing" ] && unpacked_run; then
        say "the servers are there, nothing to install"
    elif ! on_debian; then
        leave_out "this machine is not Debian" "run on Debian, or set INTEROP=auto"
    elif [ "$(id -u)" -ne 0 ]; then
        leave_out "installing packages needs root" "run as root, or set INTEROP=auto"
    else
        announce "$missing"
        install_all
    fi
}

# They are from PyPI, and so for every machine.
provide_specimens() {
    mkdir -p "$CACHE"
    tests/interop/specimens.sh >"$CACHE/specimens.log" 2>&1 && return
    [ "$MODE" = auto ] || fail "the specimens could not be installed" "read $CACHE/specimens.log" 1
    say "the specimens could not be installed, so the tests with them are left out"
}

install_all() {
    mkdir -p "$CACHE"
    if { attempt || { update && attempt; }; } >"$LOG" 2>&1 && unpacked_run; then
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
        unpack_all &&
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

unpacked_run() {
    local name
    for name in "${!UNPACKED[@]}"; do
        unpacked "$name" && links "$name" || return 1
    done
    id "$EXIM_USER" >/dev/null 2>&1
}

unpacked() {
    [ -x "$CACHE/$1/${PROGRAMS[$1]}" ]
}

# Whether all of its libraries are found; INN brings some of them along.
links() {
    ! LD_LIBRARY_PATH=$CACHE/inn/usr/lib/news ldd "$CACHE/$1/${PROGRAMS[$1]}" | grep 'not found' >/dev/null
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
    mapfile -t libraries < <(libraries_of_unpacked)
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
        install --no-install-recommends --no-remove --no-upgrade \
        "${PACKAGES[@]}" "${libraries[@]}" </dev/null
}

# Modules of Perl are for the scripts in a package: only its program is run.
libraries_of_unpacked() {
    # shellcheck disable=SC2048,SC2086  # several packages in one word
    apt-cache depends ${UNPACKED[*]} | sed -n '/-perl$/d; s/^  Depends: \(lib.*\)/\1/p' | sort -u
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

unpack_all() {
    local name
    for name in "${!UNPACKED[@]}"; do
        unpacked "$name" || unpack "$name" || return 1
    done
}

# All or nothing: what was interrupted is not taken for complete. The sandbox user
# of apt may not write here.
unpack() {
    local download=$CACHE/download package
    rm -rf "$download" "${CACHE:?}/$1"
    mkdir -p "$download/whole" || return 1
    # shellcheck disable=SC2086  # several packages in one word
    (cd "$download" && apt-get -q -o APT::Sandbox::User=root download ${UNPACKED[$1]}) || return 1
    for package in "$download"/*.deb; do
        dpkg -x "$package" "$download/whole" || return 1
    done
    mv "$download/whole" "$CACHE/$1" && rm -rf "$download"
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
    unpacked_run || say "will unpack ${UNPACKED[*]} below $CACHE, install their libraries and add the user $EXIM_USER"
    say "no service is started and no package is removed"
}

leave_out() {
    [ "$MODE" = auto ] || fail "$1" "$2" 1
    say "$1, so tests against real servers are left out"
}

fail() {
    printf 'interop: error: %s\ninterop: hint: %s\n' "$1" "$2" >&2
    exit "$3"
}

main
