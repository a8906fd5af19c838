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

    /// <summary>Quick: the manifest is whole and every object is there with its length. Deep: every byte is read, every hash, checksum and record checked.</summary>
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
        VerificationRun run = new(manifest, catalog, new ProgressMeter("Verifying", manifest.TotalMessages, manifest.Queues.Count, _time, onProgress));
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
            Segments = manifest.TotalSegments,
            Messages = deep ? run.Messages : manifest.TotalMessages,
            BytesRead = run.BytesRead,
            Duration = _time.GetElapsedTime(started),
            Findings = run.Findings(),
            Manifest = manifest,
        };
    }
}
