using System.Reflection;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>One run of a backup: definitions and queues side by side, then the manifest.</summary>
internal sealed class BackupRun(BackupPlan plan, IBackupEvents events, IEngineLog log, TimeProvider time)
{
    /// <summary>Timers reach no further.</summary>
    private static readonly TimeSpan MaxTimer = TimeSpan.FromDays(40);

    /// <summary>For what is open when the following of streams is ended: to be stored, and the manifest with it.</summary>
    private static readonly TimeSpan FinishTime = TimeSpan.FromSeconds(60);

    private readonly EventGate _gate = new();

    internal async Task<BackupManifest> RunAsync(CancellationToken cancellationToken)
    {
        if (!plan.Options.Continuous)
        {
            return await RunAsync(CancellationToken.None, cancellationToken).ConfigureAwait(false);
        }

        // A cancellation is how following streams ends: in order, but not for ever.
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (plan.Options.Duration is { } duration)
        {
            ending.CancelAfter(duration < MaxTimer ? duration : MaxTimer);
        }

        using CancellationTokenSource giveUp = new();
        await using CancellationTokenRegistration registration = ending.Token.Register(() => giveUp.CancelAfter(FinishTime));
        return await RunAsync(ending.Token, giveUp.Token).ConfigureAwait(false);
    }

    private async Task<BackupManifest> RunAsync(CancellationToken ending, CancellationToken cancellationToken)
    {
        DateTimeOffset createdAt = time.GetUtcNow();
        await using BackupCatalog catalog = new(plan.Options.Store);
        CaptureContext context = new(plan, catalog, time) { Ending = ending };

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
            BasedOn = queues.Any(queue => queue.Stream?.StartOffset is not null) ? plan.BasedOn : null,
            Definitions = definitions,
            Queues = queues,
        };
        return await catalog.CommitAsync(manifest, cancellationToken).ConfigureAwait(false);
    }

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
        bool follows = plan.Options.Continuous;
        ProgressMeter meter = new(follows ? "Following streams" : "Backing up", follows ? null : plan.Queues.Sum(queue => queue.Messages), plan.Queues.Count, time, progress => _gate.Tell(events.OnProgress, progress));
        QueueEntry[] entries = new QueueEntry[plan.Queues.Count];
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = follows ? Math.Max(1, entries.Length) : plan.Options.MaxConcurrentQueues, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, entries.Length), parallel, async (index, stop) =>
        {
            QueueInfo queue = plan.Queues[index];
            void Advanced(long messages, long bytes) => meter.Add(queue.ToString(), messages, bytes);
            QueueEntry entry = queue.Type == QueueTypes.Stream
                ? await new StreamBackup(context, queue, TellSegment, Advanced, behind => meter.Behind(queue.ToString(), behind)).RunAsync(stop).ConfigureAwait(false)
                : await new QueueBackup(context, queue, TellSegment, Advanced).RunAsync(stop).ConfigureAwait(false);
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
            Hint = entry.Outcome == QueueOutcome.Skipped ? "Get-RabbitQueue shows the reasons; -Force reads it all the same where there is a way." : null,
        };
    }

    private static string ToolVersion() =>
        typeof(BackupRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
