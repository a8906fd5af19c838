using System.Collections.Concurrent;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Verification;

/// <summary>One check of one backup: collects findings from segments that are checked side by side.</summary>
/// <param name="manifest">The backup.</param>
/// <param name="earlier">Segments of the backups that it goes on from, without which it can't be restored.</param>
/// <param name="catalog">The store.</param>
/// <param name="meter">Told of what is done.</param>
internal sealed class VerificationRun(
    BackupManifest manifest, IReadOnlyList<(string BackupId, QueueEntry Queue, SegmentEntry Segment)> earlier, BackupCatalog catalog, ProgressMeter meter)
{
    private readonly ConcurrentQueue<(int Order, VerificationFinding Finding)> _findings = [];
    private readonly BlockPool _pool = new();
    private long _messages;
    private long _bytesRead;

    internal long Messages => Volatile.Read(ref _messages);

    internal long BytesRead => Volatile.Read(ref _bytesRead);

    /// <summary>All segments, numbered in the order in which their findings are told.</summary>
    internal IEnumerable<(int Order, string BackupId, QueueEntry Queue, SegmentEntry Segment)> Segments =>
        earlier.Concat(manifest.Queues.SelectMany(queue => queue.Segments.Select(segment => (manifest.BackupId, Queue: queue, Segment: segment))))
            .Select((row, index) => (index + 1, row.BackupId, row.Queue, row.Segment));

    internal IReadOnlyList<VerificationFinding> Findings()
    {
        if (manifest.Status == BackupStatus.InProgress)
        {
            return [new VerificationFinding(true, nameof(ErrorCode.BackupIncomplete), "", "There is no manifest: the backup is still running, or ended before its end."), .. _findings.Select(row => row.Finding)];
        }

        IEnumerable<VerificationFinding> remarks = manifest.Status == BackupStatus.Partial
            ? manifest.Queues
                .Where(queue => queue.Outcome != QueueOutcome.Captured)
                .Select(queue => new VerificationFinding(false, "Partial", "", $"Queue {queue} is not whole in this backup: {queue.Reason ?? queue.Gaps.FirstOrDefault()?.Reason}"))
            : [];
        return [.. _findings.OrderBy(row => row.Order).Select(row => row.Finding), .. remarks];
    }

    internal async Task CheckDefinitionsAsync(bool deep, CancellationToken cancellationToken)
    {
        if (manifest.Definitions is not { } definitions)
        {
            return;
        }

        try
        {
            if (deep)
            {
                byte[]? json = await catalog.GetDefinitionsAsync(manifest, cancellationToken).ConfigureAwait(false);
                Interlocked.Add(ref _bytesRead, definitions.StoredBytes);
                if (json is null or [])
                {
                    Add(0, "BackupIncomplete", definitions.Key, "The definitions are empty.");
                }
            }
            else
            {
                await CheckPresenceAsync(0, manifest.BackupId, definitions.Key, definitions.StoredBytes, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (RabbitBackupException exception) when (IsDamage(exception))
        {
            Add(0, exception.Code.ToString(), definitions.Key, exception.Message);
        }
    }

    /// <summary>The copy of a checkpoint, where a run left one: it is of use only while it is whole.</summary>
    internal async Task CheckCheckpointAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CheckpointCopy.CheckAsync(catalog.Objects, ObjectPath.Parse($"{manifest.BackupId}/{BackupCheckpoint.StoreKey}"), cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.CheckpointDamaged)
        {
            Add(int.MaxValue, exception.Code.ToString(), BackupCheckpoint.StoreKey, exception.Message);
        }
    }

    /// <summary>A backup that this one needs is not there.</summary>
    internal void AddBroken(RabbitBackupException broken) => Add(0, broken.Code.ToString(), "", broken.Message);

    internal async ValueTask CheckSegmentAsync((int Order, string BackupId, QueueEntry Queue, SegmentEntry Segment) row, bool deep, CancellationToken cancellationToken)
    {
        (int order, string backupId, QueueEntry queue, SegmentEntry segment) = row;
        try
        {
            if (deep)
            {
                await ReadAsync(order, backupId, segment, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await CheckPresenceAsync(order, backupId, segment.Key, segment.StoredBytes, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (RabbitBackupException exception) when (IsDamage(exception))
        {
            Add(order, exception.Code.ToString(), segment.Key, exception.Message);
        }

        meter.Add(queue.ToString(), segment.Records, segment.UncompressedBytes);
    }

    private async Task ReadAsync(int order, string backupId, SegmentEntry segment, CancellationToken cancellationToken)
    {
        using SegmentReader reader = await catalog.OpenReaderAsync(backupId, segment, _pool, cancellationToken).ConfigureAwait(false);
        Interlocked.Add(ref _bytesRead, segment.StoredBytes);
        long messages = 0;
        long? first = null;
        long next = 0;
        bool ordered = true;
        while (reader.TryRead(out SegmentRecord record))
        {
            messages += record.Messages;
            if (record.Kind == SegmentRecordKind.Message)
            {
                PropertyList.Check(record.Properties.Span);
            }
            else
            {
                first ??= record.FirstOffset;
                ordered &= record.FirstOffset >= next;
                next = record.FirstOffset + record.Messages;
            }

            if ((messages & 0x3FF) == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }

        Interlocked.Add(ref _messages, messages);
        if (messages != segment.Records)
        {
            Add(order, "SegmentCorrupt", segment.Key, $"It holds {messages} message(s), the manifest says {segment.Records}.");
        }

        if (first is not null && (!ordered || first != segment.FirstOffset || next - 1 != segment.LastOffset))
        {
            Add(order, "SegmentCorrupt", segment.Key, $"Its offsets are {first} to {next - 1}{(ordered ? "" : ", out of order")}; the manifest says {segment.FirstOffset} to {segment.LastOffset}.");
        }

        if (!reader.IsTimeOrdered)
        {
            _findings.Enqueue((order, new VerificationFinding(false, "TimeOrder", segment.Key, "Capture times go back: the clock was set back while the backup ran.")));
        }
    }

    private async Task CheckPresenceAsync(int order, string backupId, string key, long length, CancellationToken cancellationToken)
    {
        ObjectInfo? found = await catalog.Objects.HeadAsync(ObjectPath.Parse($"{backupId}/{key}"), cancellationToken).ConfigureAwait(false);
        if (found is null)
        {
            Add(order, "ObjectNotFound", key, "It is missing.");
        }
        else if (found.Length != length)
        {
            Add(order, "SegmentCorrupt", key, $"It has {found.Length} bytes, the manifest says {length}.");
        }
    }

    private void Add(int order, string code, string key, string message) => _findings.Enqueue((order, new VerificationFinding(true, code, key, message)));

    /// <summary>What belongs into a report; a store that can't be used at all is no finding about the backup.</summary>
    private static bool IsDamage(RabbitBackupException exception) =>
        exception.Code is ErrorCode.SegmentCorrupt or ErrorCode.ObjectNotFound or ErrorCode.FormatTooNew or ErrorCode.BackupIncomplete;
}
