using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Verification;

/// <summary>Checks backups without a broker.</summary>
/// <param name="time">The clock; null for the system's.</param>
public sealed class BackupVerifier(TimeProvider? time = null)
{
    /// <summary>Segments checked at the same time; each needs its size in memory while it is read.</summary>
    private const int MaxConcurrentSegments = 2;

    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Quick: the manifest is whole and every object is there with its length; so are those of the backups that it goes on from, as far as it needs them. Deep: every byte is read, every hash, checksum and record checked.</summary>
    /// <param name="manifest">The backup, with its store.</param>
    /// <param name="deep">Read every byte.</param>
    /// <param name="onProgress">Called from any thread, one call at a time.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <returns>A report; damage is in it, not thrown.</returns>
    /// <exception cref="RabbitBackupException">The store can't be used.</exception>
    public async Task<VerificationReport> VerifyAsync(BackupManifest manifest, bool deep, Action<OperationProgress> onProgress, CancellationToken cancellationToken)
    {
        BackupStore target = manifest.Store ?? throw new ArgumentException("The manifest has no store.", nameof(manifest));
        long started = _time.GetTimestamp();
        await using BackupCatalog catalog = new(target);
        (IReadOnlyList<(string BackupId, QueueEntry Queue, SegmentEntry Segment)> earlier, RabbitBackupException? broken) = await EarlierAsync(catalog, manifest, cancellationToken).ConfigureAwait(false);
        long messages = manifest.TotalMessages + earlier.Sum(row => row.Segment.Records);
        VerificationRun run = new(manifest, earlier, catalog, new ProgressMeter("Verifying", messages, manifest.Queues.Count, _time, onProgress));
        if (broken is not null)
        {
            run.AddBroken(broken);
        }

        await run.CheckDefinitionsAsync(deep, cancellationToken).ConfigureAwait(false);

        if (deep)
        {
            await run.CheckCheckpointAsync(cancellationToken).ConfigureAwait(false);
        }

        ParallelOptions parallel = new() { MaxDegreeOfParallelism = MaxConcurrentSegments, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(run.Segments, parallel, (segment, stop) => run.CheckSegmentAsync(segment, deep, stop)).ConfigureAwait(false);

        return new VerificationReport
        {
            BackupId = manifest.BackupId,
            Deep = deep,
            Segments = manifest.TotalSegments + earlier.Count,
            Messages = deep ? run.Messages : messages,
            BytesRead = run.BytesRead,
            Duration = _time.GetElapsedTime(started),
            Findings = run.Findings(),
            Manifest = manifest,
        };
    }

    /// <summary>What a restore would read of the backups before this one; or why it can't.</summary>
    private static async Task<(IReadOnlyList<(string BackupId, QueueEntry Queue, SegmentEntry Segment)> Segments, RabbitBackupException? Broken)> EarlierAsync(
        BackupCatalog catalog, BackupManifest manifest, CancellationToken cancellationToken)
    {
        if (manifest.BasedOn is null)
        {
            return ([], null);
        }

        try
        {
            IReadOnlyList<BackupManifest> chain = await BackupChain.ResolveAsync(catalog, manifest, cancellationToken).ConfigureAwait(false);
            return (
                [
                    .. manifest.Queues.Where(queue => queue.Stream is not null)
                        .SelectMany(queue => BackupChain.PartsOf(chain, queue.VirtualHost, queue.Name))
                        .Where(part => part.Manifest.BackupId != manifest.BackupId)
                        .SelectMany(part => part.Entry.Segments.Select(segment => (part.Manifest.BackupId, part.Entry, segment))),
                ],
                null);
        }
        catch (RabbitBackupException exception) when (exception.Code is ErrorCode.BackupIncomplete or ErrorCode.FormatTooNew)
        {
            return ([], exception);
        }
    }
}
