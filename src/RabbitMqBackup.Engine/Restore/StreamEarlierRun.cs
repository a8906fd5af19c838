using RabbitMqBackup.Engine.Broker.Streams;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>What an earlier run of the same restore has left in a stream: such a stream is not empty, and yet no conflict, as long as all of it is there.</summary>
/// <param name="Offset">The offset up to which that run came.</param>
/// <param name="Promised">Messages that the backup has up to there, at least.</param>
/// <param name="Held">Messages that the stream can hold, by its offsets; those of other publishers count, too.</param>
/// <param name="WasTruncated">Retention has taken its beginning. Brokers before 4.0 don't tell.</param>
internal sealed record StreamEarlierRun(long Offset, long Promised, long Held, bool WasTruncated)
{
    /// <summary>What of the earlier run is not there, for people; null where all can be there. By its ids the broker would take it for known.</summary>
    internal string? Missing => Held >= Promised ? null
        : $"of the {Promised} message(s) that the backup has up to offset {Offset} the stream holds at most {Held}: {(WasTruncated ? "retention has taken the others since" : "an earlier run with -Force has left some out")}, and a run that goes on here does not bring them.";

    /// <summary>Looks for an earlier run; null where there was none.</summary>
    internal static async Task<StreamEarlierRun?> FindAsync(RestoreOptions options, RestorePlanQueue row, TimeProvider time, CancellationToken cancellationToken)
    {
        string name = StreamPublisherName.Of(row.Source);
        if (name.Length == 0)
        {
            return null;
        }

        try
        {
            StreamConnector connector = new(options.Broker, time);
            await using StreamConnection connection = await connector.ConnectAsync(row.TargetVirtualHost, row.TargetQueue, StreamAccess.Write, cancellationToken).ConfigureAwait(false);
            ulong id = await connection.QueryPublisherSequenceAsync(name, row.TargetQueue, cancellationToken).ConfigureAwait(false);
            if (id == 0)
            {
                return null;
            }

            // What that run sent last may still be on its way into the stream: its end is looked at behind it.
            await StreamExtent.FindAsync(connection, row.TargetQueue, StreamStart.First, cancellationToken).ConfigureAwait(false);
            StreamStats? stats = await connection.StatsAsync(row.TargetQueue, cancellationToken).ConfigureAwait(false);
            long first = Math.Max(0, stats?.FirstChunkId ?? 0);
            long end = (long)((await StreamExtent.LastUserChunkAsync(connection, row.TargetQueue, cancellationToken).ConfigureAwait(false))?.NextOffset ?? 0);
            return new StreamEarlierRun((long)id - 1, row.Source.Segments.Where(segment => row.Source.IsPassed(segment, id)).Sum(segment => segment.Entry.Records), end - first, first > 0);
        }
        catch (RabbitBackupException exception) when (exception.Code is ErrorCode.BrokerUnreachable or ErrorCode.QueueNotFound or ErrorCode.QueueUnavailable)
        {
            return null;
        }
    }
}
