# Finds the RoCE adapters of this pod and tells NCCL, NVSHMEM and UCX about them, where their variables are not set.
import os, sys
from collections import Counter

ADAPTERS, DRIVER = '/sys/class/infiniband', '/proc/driver/nvidia/params'


def read(*path):
    try:
        with open(os.path.join(*path)) as file:
            return file.read().strip()
    except OSError:  # entries without a GID can't be read
        return ''


def entries(*path):
    try:
        return sorted(os.listdir(os.path.join(*path)), key=lambda name: (len(name), name))
    except OSError:
        return []


def gids(adapter):
    port = os.path.join(ADAPTERS, adapter, 'ports', '1')
    of = lambda index: (int(index), read(port, 'gid_attrs', 'types', index), read(port, 'gids', index))
    return [of(index) for index in entries(port, 'gid_attrs', 'types')]


def say(text):
    print('roce: ' + text, file=sys.stderr, flush=True)


def chosen(found):
    # Of each adapter the first index that fits; of all adapters the most frequent one, and 3 where it is one of those.
    counts = Counter(indices[0] for indices in found if indices)
    best = [index for index, count in sorted(counts.items()) if count == max(counts.values())]
    return None if not best else 3 if 3 in best else best[0]


def export(value, *names):
    for name in names:
        os.environ.setdefault(name, value)
        say(name + '=' + os.environ[name])


def infer():
    pattern = os.environ.get('KSERVE_INFER_IB_GID_INDEX_GREP', 'RoCE v2')
    for line in read(DRIVER).splitlines():
        say(line)
    active, found = [], []
    for adapter in entries(ADAPTERS):
        table = [gid for gid in gids(adapter) if gid[1]]
        for gid in table:
            say('%s: GID %d, %s, %s' % (adapter, *gid))
        fits = [gid for gid in table if pattern in gid[1]]
        is_up = 'ACTIVE' in read(ADAPTERS, adapter, 'ports', '1', 'state')
        if adapter.startswith('mlx5_') and is_up and fits:
            active.append(adapter)
            found.append([index for index, _, gid in fits if 'ffff:' in gid])
    if active:
        export(','.join(active), 'NCCL_IB_HCA')
        export(','.join(adapter + ':1' for adapter in active), 'NVSHMEM_HCA_LIST', 'UCX_NET_DEVICES')
    index = os.environ.get('NCCL_IB_GID_INDEX') or chosen(found)
    if index is None:
        return say('no adapter is active with a GID of type ' + pattern + ' and an IPv4 address')
    export(str(index), 'NCCL_IB_GID_INDEX', 'NVSHMEM_IB_GID_INDEX', 'UCX_IB_GID_INDEX')


if os.environ.get('KSERVE_INFER_ROCE') == 'true':
    infer()

