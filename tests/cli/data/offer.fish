# SPDX-License-Identifier: Apache-2.0
# What fish would offer behind each of the lines given, below "> LINE".
flightkv completion fish | source
for line in $argv
    echo "> $line"
    complete -C $line | string replace -r '\t.*' ''
end
