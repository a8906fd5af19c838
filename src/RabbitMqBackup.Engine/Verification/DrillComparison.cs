using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Engine.Verification;

/// <summary>
/// Compares what a queue holds after a drill with what the backup holds of it, one digest of 16 bytes per message. Both sides go through the changes that a restore makes, so that what a broker adds to
/// a delivery is no difference.
/// </summary>
internal sealed class DrillComparison(BrokerOptions broker, TimeProvider time)
{
    private readonly BlockPool _pool = new();

    /// <summary>Reads the queue back and compares.</summary>
    internal async Task<DrillQueue> CompareAsync(RestorePlanQueue row, RestoreQueueResult restored, CancellationToken cancellationToken)
    {
        List<UInt128> expected = await ExpectedAsync(row.Source, cancellationToken).ConfigureAwait(false);
        List<UInt128> found = await FoundAsync(row, cancellationToken).ConfigureAwait(false);
        return new DrillQueue
        {
            VirtualHost = row.VirtualHost,
            Queue = row.Queue,
            Expected = row.Messages,
            Restored = restored.Confirmed,
            Equal = Common(expected, found),
            InOrder = expected.SequenceEqual(found),
        };
    }

    /// <summary>How many messages are in both, each counted as often as it is in both.</summary>
    internal static long Common(IReadOnlyList<UInt128> expected, IReadOnlyList<UInt128> found)
    {
        Dictionary<UInt128, int> open = [];
        foreach (UInt128 digest in expected)
        {
            open[digest] = open.GetValueOrDefault(digest) + 1;
        }

        long common = 0;
        foreach (UInt128 digest in found)
        {
            if (open.TryGetValue(digest, out int count) && count > 0)
            {
                open[digest] = count - 1;
                common++;
            }
        }

        return common;
    }

    private async Task<List<UInt128>> ExpectedAsync(SourceQueue source, CancellationToken cancellationToken)
    {
        List<UInt128> digests = [];
        using Digests take = new(broker.Credential.UserName);
        SourceCursor cursor = new(source, source.FirstOrdinal, _pool, _ => { });
        await using (cursor.ConfigureAwait(false))
        {
            while (await cursor.MoveNextAsync(cancellationToken).ConfigureAwait(false))
            {
                digests.Add(take.Of(cursor.Current.Properties, new(cursor.Current.Body)));
            }
        }

        return digests;
    }

    private async Task<List<UInt128>> FoundAsync(RestorePlanQueue row, CancellationToken cancellationToken)
    {
        using Digests take = new(broker.Credential.UserName);
        Sink sink = new(take);
        QueueReadRequest request = new() { Queue = new QueueName(row.TargetVirtualHost, row.TargetQueue), IsQuorum = row.TargetType == QueueTypes.Quorum };
        await new QueueReader(broker, time).ReadAsync(request, sink, cancellationToken).ConfigureAwait(false);
        return sink.Found;
    }

    /// <summary>Digests of messages without what a restore leaves out.</summary>
    private sealed class Digests(string user) : IDisposable
    {
        private readonly PublishedProperties _properties = new(user, keepUserId: false, ExpirationHandling.Drop);
        private readonly PropertyDigest _digest = new();

        internal UInt128 Of(ReadOnlyMemory<byte> properties, System.Buffers.ReadOnlySequence<byte> body) => _digest.Of(_properties.For(properties).FirstSpan, body);

        public void Dispose() => _digest.Dispose();
    }

    private sealed class Sink(Digests digests) : IDeliverySink
    {
        internal List<UInt128> Found { get; } = [];

        public void OnDelivery(in Delivery delivery) => Found.Add(digests.Of(delivery.Properties.ToArray(), delivery.Body));

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
