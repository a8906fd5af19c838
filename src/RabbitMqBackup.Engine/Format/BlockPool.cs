namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Lends fixed-size blocks of memory for segments, and knows how many are out, so that the engine can hold back when memory is short.
/// All pools of a process have their free blocks in common, as long as there is a pool or the garbage collector leaves them: else the second backup of a session would hold its own beside those of the first.
/// Safe for use from several threads.
/// </summary>
/// <param name="keep">Free blocks that are kept for the next borrower; more than these go to the garbage collector. Default 256: 64 MiB.</param>
/// <param name="free">The free blocks; null for those that all pools have in common.</param>
internal sealed class BlockPool(int keep = 256, Stack<byte[]>? free = null)
{
    /// <summary>Bytes in a block.</summary>
    internal const int BlockBytes = 256 * 1024;

    private static readonly WeakReference<Stack<byte[]>> Common = new(new());

    private readonly Stack<byte[]> _free = free ?? CommonBlocks();
    private int _inUse;

    /// <summary>Blocks that are out.</summary>
    internal int BlocksInUse => Volatile.Read(ref _inUse);

    /// <summary>Bytes that are out.</summary>
    internal long BytesInUse => (long)BlocksInUse * BlockBytes;

    /// <summary>Lends a block; its content is whatever it was.</summary>
    internal byte[] Rent()
    {
        Interlocked.Increment(ref _inUse);
        lock (_free)
        {
            if (_free.TryPop(out byte[]? block))
            {
                return block;
            }
        }

        return GC.AllocateUninitializedArray<byte>(BlockBytes);
    }

    /// <summary>Takes a block back. The caller must have no use of it any more, and give it back once.</summary>
    internal void Return(byte[] block)
    {
        Interlocked.Decrement(ref _inUse);
        lock (_free)
        {
            if (_free.Count < keep)
            {
                _free.Push(block);
            }
        }
    }

    private static Stack<byte[]> CommonBlocks()
    {
        lock (Common)
        {
            if (!Common.TryGetTarget(out Stack<byte[]>? blocks))
            {
                Common.SetTarget(blocks = new());
            }

            return blocks;
        }
    }
}
