using System.Reflection;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>One run of a backup: definitions and queues side by side, then the manifest.</summary>
internal sealed class BackupRun(BackupPlan plan, IBackupEvents events, IEngineLog log, TimeProvider time)
{
    private readonly EventGate _gate = new();

    internal async Task<BackupManifest> RunAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset createdAt = time.GetUtcNow();
        await using BackupCatalog catalog = new(plan.Options.Store);
        using CaptureContext context = new(plan, catalog, log, time);
        await using NodeWatch? watch = await WatchNodesAsync(context, cancellationToken).ConfigureAwait(false);

        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<(DefinitionsEntry? Entry, bool Failed)> definitionsTask = CaptureDefinitionsAsync(catalog, stop.Token);
        QueueEntry[] queues;
        try
        {
            queues = await CaptureQueuesAsync(context, stop.Token).ConfigureAwait(false);
        }
        catch
        {
            // One failure of the store ends both; nothing of the run may go on after it was told.
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)definitionsTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        (DefinitionsEntry? definitions, bool definitionsFailed) = await definitionsTask.ConfigureAwait(false);

        BackupManifest manifest = new()
        {
            BackupId = plan.BackupId,
            Status = definitionsFailed || queues.Any(queue => queue.Outcome != QueueOutcome.Captured) ? BackupStatus.Partial : BackupStatus.Complete,
            CreatedAt = createdAt,
            CompletedAt = time.GetUtcNow(),
            SourceCluster = plan.ClusterName,
            RabbitMqVersion = plan.RabbitMqVersion,
            BackupToolVersion = ToolVersion(),
            Definitions = definitions,
            Queues = queues,
        };
        return await catalog.CommitAsync(manifest, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Null where nobody is to look: -Force goes on whatever the broker's state is.</summary>
    private async Task<NodeWatch?> WatchNodesAsync(CaptureContext context, CancellationToken cancellationToken) =>
        plan.Options.Force ? null : await NodeWatch.StartAsync(plan.Options.Broker, context.StopSignal, log, time, cancellationToken).ConfigureAwait(false);

    private async Task<(DefinitionsEntry? Entry, bool Failed)> CaptureDefinitionsAsync(BackupCatalog catalog, CancellationToken cancellationToken)
    {
        if (plan.Options.SkipDefinitions)
        {
            return (null, false);
        }

        DefinitionsDocument document;
        try
        {
            document = await DefinitionsExporter.ExportAsync(plan.Options.Broker, new DefinitionsSelection(), cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception)
        {
            Fail(new RabbitBackupException(exception.Code, $"The definitions are not in the backup. {exception.Message}", exception)
            {
                Target = exception.Target,
                IsTransient = exception.IsTransient,
                Hint = exception.Hint ?? "Give a user with the tag 'administrator', or leave the definitions out with -SkipDefinitions.",
            });
            return (null, true);
        }

        return (await catalog.PutDefinitionsAsync(plan.BackupId, document.ToJson(), cancellationToken).ConfigureAwait(false), false);
    }

    private async Task<QueueEntry[]> CaptureQueuesAsync(CaptureContext context, CancellationToken cancellationToken)
    {
        ProgressMeter meter = new("Backing up", plan.Queues.Sum(queue => queue.Messages), plan.Queues.Count, time, progress => _gate.Tell(events.OnProgress, progress));
        QueueEntry[] entries = new QueueEntry[plan.Queues.Count];
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = plan.Options.MaxConcurrentQueues, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, entries.Length), parallel, async (index, stop) =>
        {
            QueueInfo queue = plan.Queues[index];
            QueueBackup backup = new(context, queue, TellSegment, (messages, bytes) => meter.Add(queue.ToString(), messages, bytes));
            QueueEntry entry = await backup.RunAsync(stop).ConfigureAwait(false);
            entries[index] = entry;
            if (entry.ReadBy.Length > 0)
            {
                log.QueueCaptured(entry.ToString(), entry.Messages, entry.DepthAtStart, entry.ReadBy, entry.ReleasedBy);
            }

            meter.QueueDone(queue.ToString());
            if (entry.Outcome != QueueOutcome.Captured)
            {
                Fail(FailureOf(entry));
            }
        }).ConfigureAwait(false);
        return entries;
    }

    private void TellSegment(SegmentEntry segment, QueueEntry queue) => _gate.Tell(events.OnSegment, new BackupSegment
    {
        BackupId = plan.BackupId,
        VirtualHost = queue.VirtualHost,
        Queue = queue.Name,
        QueueEntry = queue,
        Entry = segment,
        Store = plan.Options.Store,
    });

    private void Fail(RabbitBackupException failure) => _gate.Tell(events.OnFailure, failure);

    private static RabbitBackupException FailureOf(QueueEntry entry)
    {
        ErrorCode code = Enum.TryParse(entry.ErrorCode, out ErrorCode known) ? known : ErrorCode.QueueAtRisk;
        string what = entry.Outcome switch
        {
            QueueOutcome.Skipped => "was not read",
            QueueOutcome.Failed => "could not be read",
            _ => $"was captured only in part ({entry.Messages} of {entry.DepthAtStart} messages)",
        };
        return new RabbitBackupException(code, $"Queue '{entry.Name}' in virtual host '{entry.VirtualHost}' {what}. {entry.Reason ?? entry.Gaps[0].Reason}")
        {
            Target = entry.ToString(),
            Hint = entry.Outcome == QueueOutcome.Skipped && code == ErrorCode.QueueAtRisk ? "Get-RabbitQueue shows the reasons; -Force reads it all the same where there is a way." : null,
        };
    }

    private static string ToolVersion() =>
        typeof(BackupRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
