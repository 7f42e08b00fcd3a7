# SPDX-License-Identifier: Apache-2.0
# What the lines given become when a tab is typed behind them, as "<LINE>". Each is ended by Ctrl-X,
# whose widget prints it: only its output says that the tab has been dealt with.
zmodload zsh/zpty
zpty shell 'TERM=dumb HOME=$PWD zsh -f -i'
if [[ $1 == --installed ]]; then # as a file in fpath
    shift
    mkdir functions
    flightkv completion zsh > functions/_flightkv
    zpty -w shell 'fpath=($PWD/functions $fpath); autoload -U compinit && compinit -u -D; LISTMAX=1000'
else
    zpty -w shell 'eval "$(flightkv completion zsh)"; LISTMAX=1000'
fi
zpty -w shell 'show() { print -r -- "<$BUFFER>"; zle .kill-whole-line; }'
zpty -w shell 'zle -N show; bindkey "^X" show; print RE""ADY'
zpty -r shell text '*READY*'
for line in "$@"; do
    zpty -w -n shell "$line"$'\t\x18'
    zpty -r shell text '*<flightkv*>*'
    print -r -- "<${${text##*<}%%>*}>"
done
zpty -d shell
