using System.Buffers;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// Cuts content in parts and hands them on, two at a time: the third is read meanwhile, so that memory stays at three parts however slow the store is, and the producer is held back.
/// </summary>
internal static class PartedUpload
{
    private const int AtOnce = 2;

    /// <summary>Reads the first part, by which an adapter sees whether there will be more.</summary>
    /// <returns>A pooled array, which the caller gives back or to <see cref="SendAsync"/>, and the bytes in it: fewer than <paramref name="partBytes"/> only where that is all.</returns>
    internal static async Task<(byte[] Buffer, int Length)> ReadAsync(PutContent content, int partBytes, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(partBytes);
        try
        {
            return (buffer, await content.FillAsync(buffer.AsMemory(0, partBytes), cancellationToken).ConfigureAwait(false));
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    /// <summary>Sends all parts.</summary>
    /// <param name="content">Where the second and later parts come from.</param>
    /// <param name="first">The first part; it is given back to the pool here.</param>
    /// <param name="partBytes">Length of every part but the last.</param>
    /// <param name="send">Sends a part: its number from 1, its bytes. It may run twice at once.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>How many parts there were.</returns>
    internal static async Task<int> SendAsync(
        PutContent content,
        (byte[] Buffer, int Length) first,
        int partBytes,
        Func<int, ReadOnlyMemory<byte>, CancellationToken, Task> send,
        CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Queue<Task> running = new();
        int number = 0;
        try
        {
            for ((byte[] Buffer, int Length) part = first; part.Length > 0 || number == 0;)
            {
                if (running.Count == AtOnce)
                {
                    await running.Dequeue().ConfigureAwait(false);
                }

                running.Enqueue(SendAndReturnAsync(++number, part));
                if (part.Length < partBytes)
                {
                    break;
                }

                part = await ReadAsync(content, partBytes, stop.Token).ConfigureAwait(false);
                if (part.Length == 0)
                {
                    ArrayPool<byte>.Shared.Return(part.Buffer);
                }
            }

            while (running.Count > 0)
            {
                await running.Dequeue().ConfigureAwait(false);
            }

            return number;
        }
        catch
        {
            // No part may go on once the caller gives the upload up.
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(running.Select(task => task.ContinueWith(_ => { }, TaskScheduler.Default))).ConfigureAwait(false);
            throw;
        }

        async Task SendAndReturnAsync(int partNumber, (byte[] Buffer, int Length) part)
        {
            try
            {
                await send(partNumber, part.Buffer.AsMemory(0, part.Length), stop.Token).ConfigureAwait(false);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(part.Buffer);
            }
        }
    }
}
