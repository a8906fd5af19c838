using System.Security.Cryptography;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Amqp10;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Engine.Verification;

/// <summary>
/// Compares what a stream holds after a drill with what the backup holds of it, one digest of 16 bytes per message, batches unpacked. Messages are compared byte for byte as they lie in the stream; large
/// ones by their body, since those above the target's frame size go through AMQP 0-9-1, which packs the rest anew.
/// </summary>
internal sealed class StreamDrillComparison(BrokerOptions broker, TimeProvider time)
{
    /// <summary>Below the least frame that a stream's clients agree on (RabbitMQ's default is 1 MiB): a smaller message never takes the other way.</summary>
    private const int LargeMessage = 128 << 10;

    private readonly BlockPool _pool = new();

    /// <summary>Reads the stream back and compares.</summary>
    /// <exception cref="RabbitBackupException">The target's stream port can't be reached, or the store can't be used.</exception>
    internal async Task<DrillQueue> CompareAsync(RestorePlanQueue row, RestoreQueueResult restored, CancellationToken cancellationToken)
    {
        List<UInt128> expected = await ExpectedAsync(row.Source, cancellationToken).ConfigureAwait(false);
        Sink found = new();
        await using (StreamConnection connection = await new StreamConnector(broker, time).ConnectAsync(row.TargetVirtualHost, row.TargetQueue, StreamAccess.Write, cancellationToken).ConfigureAwait(false))
        {
            await new ChunkReader(connection, row.TargetQueue, new StreamReadOptions(), found).RunAsync(cancellationToken).ConfigureAwait(false);
        }

        return new DrillQueue
        {
            VirtualHost = row.VirtualHost,
            Queue = row.Queue,
            Expected = row.Messages,
            Restored = restored.Confirmed,
            Equal = DrillComparison.Common(expected, found.Digests),
            InOrder = expected.SequenceEqual(found.Digests),
        };
    }

    /// <summary>What can be read of the backup; segments that can't be are in the restore's result.</summary>
    private async Task<List<UInt128>> ExpectedAsync(SourceQueue source, CancellationToken cancellationToken)
    {
        List<UInt128> digests = [];
        await using BackupCatalog catalog = new(source.Store!);
        foreach (SourceSegment segment in source.Segments)
        {
            try
            {
                using SegmentReader reader = await catalog.OpenReaderAsync(segment.BackupId, segment.Entry, _pool, cancellationToken).ConfigureAwait(false);
                while (reader.TryRead(out SegmentRecord record))
                {
                    Add(digests, record.Entries.Span, (ulong)record.FirstOffset);
                }
            }
            catch (RabbitBackupException exception) when (SourceCursor.IsDamage(exception.Code))
            {
                // Then fewer are equal than the manifest promises.
            }
        }

        return digests;
    }

    private static void Add(List<UInt128> digests, ReadOnlySpan<byte> entries, ulong firstOffset) => ChunkMessages.Visit(entries, firstOffset, (_, message) =>
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        if (message.Length < LargeMessage)
        {
            SHA256.HashData(message, hash);
        }
        else
        {
            SHA256.HashData(Amqp091Conversion.Convert(message).Body, hash);
        }

        digests.Add(new UInt128(BitConverter.ToUInt64(hash), BitConverter.ToUInt64(hash[8..])));
        return true;
    });

    private sealed class Sink : IChunkSink
    {
        private readonly MemoryStream _data = new();
        private ulong _firstOffset;

        internal List<UInt128> Digests { get; } = [];

        public void OnChunk(in ChunkHeader header)
        {
            _firstOffset = header.FirstOffset;
            _data.SetLength(0);
        }

        public void OnData(ReadOnlySpan<byte> data) => _data.Write(data);

        public void OnChunkEnd(bool intact)
        {
            if (intact)
            {
                Add(Digests, _data.GetBuffer().AsSpan(0, (int)_data.Length), _firstOffset);
            }
        }

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
