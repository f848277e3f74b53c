#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# One task of a job array, in the folder of its submission. `slurm.sh OFFSET COMMAND ARGUMENT...` runs the command with
# the number of the shot, OFFSET + the id of the task, in place of the argument --index=TASK.
#
# SLURM runs a job again by itself when its node is lost, not after a crash and not at its time limit. This script asks
# for that after a crash, and after USR1, which comes before the time limit. TERM means cancelled: then it never does.
offset=$1
shift
index=$((offset + SLURM_ARRAY_TASK_ID))
for word do
  shift
  [ "$word" != --index=TASK ] || word=--index=$index
  set -- "$@" "$word"
done

asked= woken= task= code=127
stop() { [ -z "$task" ] || kill -TERM "$task" 2>/dev/null; }
trap 'asked=TERM woken=1' TERM INT                # SLURM sends it to the command as well
trap 'asked=${asked:-USR1} woken=1; stop' USR1    # it comes to this shell alone

begun() { cat "states/$index.json" 2>/dev/null; } # a task that begins writes its mark there
before=$(begun)
"$@" &
task=$!
[ -z "$asked" ] || stop
while :; do                                       # a signal ends `wait` early, with a code that is not the command's
  woken=
  wait "$task"
  ended=$?
  [ "$ended" -eq 127 ] || code=$ended             # 127: the code was told before
  [ -n "$woken" ] || break
done

again=
if [ "$code" -ge 128 ] || [ "$code" -eq 75 ]; then # killed, or stopped on the way. All else is an answer
  [ "$(begun)" = "$before" ] || again=yes         # a command that never gets to its task would do so for ever
fi
tries=60                                          # ten minutes for a controller that restarts
while [ -n "$again" ] && [ "$asked" != TERM ] && [ "$tries" -gt 0 ]; do
  ! scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" || break
  tries=$((tries - 1))
  sleep 10 &
  wait $!
done
exit "$code"
