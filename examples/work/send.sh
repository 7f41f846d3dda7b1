#!/bin/sh
# Works on one message, for: deno run --allow-net --allow-run cli.ts work mails --concurrency 4 -- examples/work/send.sh
# The text is on standard input. Exit code 0: done; 75: again later; any other: again later, because of the last line of
# standard error.
mail=$(cat)
case $mail in
*'"to":'*) echo "sent message $DSMQ_SEQ, key ${DSMQ_KEY:-none}, attempt $DSMQ_ATTEMPT" ;;
*) echo "it has no address" >&2 && exit 65 ;;
esac
