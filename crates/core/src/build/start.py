# Starts vLLM. argv: where to put the words of VLLM_ADDITIONAL_ARGS (-1: nowhere), which words are only known in the
# pod (position=kind, comma separated, or none), and all words of the command. No value passes through a shell.
import os, shlex, socket, sys, time

at, unknown, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
index = int(os.environ.get('LWS_WORKER_INDEX', '0'))


def leader():
    # The leader's name is published a moment after its pod starts, and servers bind to addresses, not to names.
    name = os.environ['LWS_LEADER_ADDRESS']
    for _ in range(int(os.environ.get('DP_ADDRESS_RESOLVE_ATTEMPTS', '30'))):
        try:
            return socket.getaddrinfo(name, None)[0][4][0]
        except OSError:
            time.sleep(1)
    return name


def value(kind, numbers):
    if kind == 'leader':
        return leader()
    if kind == 'index':
        return str(index)
    start = index * numbers[0]
    return str(start if kind == 'start' else min(numbers[0], numbers[1] - start))


for entry in unknown.split(',') if unknown != 'none' else []:
    position, kind = entry.split('=')
    kind, *numbers = kind.split(':')
    words[int(position)] = value(kind, [int(number) for number in numbers])
if at >= 0:
    words[at:at] = shlex.split(os.environ.get('VLLM_ADDITIONAL_ARGS', ''))
os.execvp(words[0], words)
