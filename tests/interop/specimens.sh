#!/usr/bin/env bash
#
# Makes the environments of the specimens: clients and servers with a known flaw, and
# the same ones without it, that show what the lab finds.
#
#     tests/interop/specimens.sh
#
# One for each requirements/specimens-NAME.txt, below .interop/specimens/NAME; none of
# them is seen by anything else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

HOME_OF_ALL=.interop/specimens
PYTHON=.venv/bin/python

for requirements in requirements/specimens-*.txt; do
    name=${requirements#requirements/specimens-}
    home=$HOME_OF_ALL/${name%.txt}
    [ "$home/.ready" -nt "$requirements" ] && continue
    "$PYTHON" -m venv --clear --without-pip "$home"
    "$PYTHON" -m pip --python "$home/bin/python" install --quiet --disable-pip-version-check \
        --require-hashes --requirement "$requirements"
    touch "$home/.ready"
done
