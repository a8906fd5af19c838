using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>One run of a backup: definitions and queues side by side, then the manifest.</summary>
internal sealed class BackupRun(BackupPlan plan, IBackupEvents events, IEngineLog log, TimeProvider time)
{
    /// <summary>Timers reach no further.</summary>
    private static readonly TimeSpan MaxTimer = TimeSpan.FromDays(40);

    /// <summary>For what is open when the following of streams is ended: to be stored, and the manifest with it.</summary>
    private static readonly TimeSpan FinishTime = TimeSpan.FromSeconds(60);

    /// <summary>A cluster that has just lost a node needs some seconds to elect other leaders. All queues of a run wait for that once, together.</summary>
    private static readonly TimeSpan ElectionTime = TimeSpan.FromSeconds(15);

    private readonly EventGate _gate = new();

    /// <summary>When the first queue without a leader was met; 0 before.</summary>
    private long _electingSince;

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

        using CancellationTokenSource giveUp = CancellationTokenSource.CreateLinkedTokenSource(plan.Options.Abort);
        await using CancellationTokenRegistration registration = ending.Token.Register(() => giveUp.CancelAfter(FinishTime));
        return await RunAsync(ending.Token, giveUp.Token).ConfigureAwait(false);
    }

    private async Task<BackupManifest> RunAsync(CancellationToken ending, CancellationToken cancellationToken)
    {
        await using BackupCatalog catalog = new(plan.Options.Store);
        // Who resumes a run asks for what is left of it, the lease included, if its process is gone.
        LeaseOptions options = new() { BreakStale = plan.Options.BreakStaleLease || plan.Options.Resume };
        BackupLeases leases = new(catalog.Objects, log, time, options);
        await using BackupLease lease = await leases.TakeAsync(plan.BackupId, LeasePurpose.Backup, cancellationToken).ConfigureAwait(false);
        await using BackupLease? basis = plan.BasedOn is { } id ? await leases.TakeAsync(id, LeasePurpose.Base, cancellationToken).ConfigureAwait(false) : null;

        // Whoever held it before may have come to its end since the plan was made.
        await catalog.RefuseExistingAsync(plan.BackupId, cancellationToken).ConfigureAwait(false);
        return await lease.RunAsync(token => RunLeasedAsync(catalog, ending, token), cancellationToken).ConfigureAwait(false);
    }

    private async Task<BackupManifest> RunLeasedAsync(BackupCatalog catalog, CancellationToken ending, CancellationToken cancellationToken)
    {
        JournalOpening opening = new(catalog, plan.Options, plan.BackupId, log, time);
        await using BackupJournal journal = await opening.OpenAsync(plan, trouble => log.CheckpointTrouble(trouble.Message), cancellationToken).ConfigureAwait(false);
        BackupManifest manifest;
        try
        {
            manifest = await CaptureAsync(catalog, journal, ending, cancellationToken).ConfigureAwait(false);
            if (plan.Options.Resume)
            {
                await RemoveOrphansAsync(catalog, journal, manifest, cancellationToken).ConfigureAwait(false);
            }

            await SeeStoredAsync(opening, manifest, cancellationToken).ConfigureAwait(false);
            manifest = await catalog.CommitAsync(manifest, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(plan.Options.Abort);
            limit.CancelAfter(plan.Options.StopTimeout);
            await journal.LeaveAsync(limit.Token).ConfigureAwait(false);
            throw;
        }

        await journal.CompleteAsync(catalog.Objects, plan.BackupId, CancellationToken.None).ConfigureAwait(false);
        return manifest;
    }

    private async Task<BackupManifest> CaptureAsync(BackupCatalog catalog, BackupJournal journal, CancellationToken ending, CancellationToken cancellationToken)
    {
        using ManagementClient management = new(plan.Options.Broker);
        using CurrentPolicies policies = new(management, time);
        using OtherRuns others = new(management, time);
        using CaptureContext context = new(plan, catalog, journal, log, time) { Management = management, Policies = policies, Members = new(management), Others = others, Ending = ending };
        await using NodeWatch? watch = await WatchNodesAsync(context, cancellationToken).ConfigureAwait(false);
        await DelayedExchanges.TellAsync(context, cancellationToken).ConfigureAwait(false);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<(DefinitionsEntry? Entry, bool Failed)> definitionsTask = CaptureDefinitionsAsync(catalog, context, stop.Token);
        List<QueueEntry> queues;
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

        return new BackupManifest
        {
            BackupId = plan.BackupId,
            Status = definitionsFailed || queues.Any(queue => queue.Outcome != QueueOutcome.Captured) ? BackupStatus.Partial : BackupStatus.Complete,
            CreatedAt = journal.CreatedAt,
            CompletedAt = time.GetUtcNow(),
            SourceCluster = plan.ClusterName,
            RabbitMqVersion = plan.RabbitMqVersion,
            BackupToolVersion = ToolVersion.Current,
            BasedOn = queues.Any(queue => queue.Stream?.StartOffset is not null) ? plan.BasedOn : null,
            Definitions = definitions,
            Queues = queues,
        };
    }

    /// <summary>Null where nobody is to look: -Force goes on whatever the broker's state is.</summary>
    private async Task<NodeWatch?> WatchNodesAsync(CaptureContext context, CancellationToken cancellationToken) =>
        plan.Options.Force ? null : await NodeWatch.StartAsync(plan.Options.Broker, context.StopSignal, log, time, cancellationToken).ConfigureAwait(false);

    /// <summary>A manifest makes a backup: so one last look that all it names is there. A folder can be removed, a bucket emptied, while a run goes on.</summary>
    private async Task SeeStoredAsync(JournalOpening opening, BackupManifest manifest, CancellationToken cancellationToken)
    {
        Dictionary<string, long> objects = await opening.ObjectsAsync(cancellationToken).ConfigureAwait(false);
        IEnumerable<(string Key, long Length)> named = manifest.Queues.SelectMany(queue => queue.Segments).Select(segment => (segment.Key, segment.StoredBytes));
        foreach ((string key, long length) in manifest.Definitions is { } definitions ? named.Append((definitions.Key, definitions.StoredBytes)) : named)
        {
            if (!objects.TryGetValue(key, out long stored) || stored != length)
            {
                throw new RabbitBackupException(ErrorCode.StorageUnavailable, $"'{plan.BackupId}/{key}' was stored and is not in {plan.Options.Store} any more: the backup was not completed.")
                {
                    Target = $"{plan.BackupId}/{key}",
                    Hint = "See who deletes in the store while a backup runs. -Resume reads again what is missing.",
                };
            }
        }
    }

    /// <summary>What earlier attempts left and nothing refers to. Where it can't be deleted, as in a store that locks its objects, it stays: no manifest names it.</summary>
    private async Task RemoveOrphansAsync(BackupCatalog catalog, BackupJournal journal, BackupManifest manifest, CancellationToken cancellationToken)
    {
        foreach (string key in journal.Unreferenced(manifest))
        {
            try
            {
                await catalog.Objects.DeleteAsync(ObjectPath.Parse($"{plan.BackupId}/{key}"), null, cancellationToken).ConfigureAwait(false);
            }
            catch (RabbitBackupException exception)
            {
                log.OrphanLeft(key, exception.Message);
            }
        }
    }

    private async Task<(DefinitionsEntry? Entry, bool Failed)> CaptureDefinitionsAsync(BackupCatalog catalog, CaptureContext context, CancellationToken cancellationToken)
    {
        if (plan.Options.SkipDefinitions)
        {
            return (null, false);
        }

        if (context.Journal.Definitions is { } earlier)
        {
            return (earlier, false);
        }

        DefinitionsDocument document;
        try
        {
            document = await context.BrokerRetry.RunAsync(
                _ => DefinitionsExporter.ExportAsync(plan.Options.Broker, new DefinitionsSelection(), cancellationToken), cancellationToken).ConfigureAwait(false);
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

        string key = DefinitionsBlob.Key;
        for (int number = 2; context.Journal.IsTaken(key); number++)
        {
            key = $"definitions/definitions-{number}.json.zst";
        }

        DefinitionsEntry entry = await catalog.PutDefinitionsAsync(plan.BackupId, document.ToJson(), cancellationToken, key).ConfigureAwait(false);
        context.Journal.SetDefinitions(entry);
        return (entry, false);
    }

    private async Task<List<QueueEntry>> CaptureQueuesAsync(CaptureContext context, CancellationToken cancellationToken)
    {
        bool follows = plan.Options.Continuous;
        ProgressMeter meter = new(follows ? "Following streams" : "Backing up", follows ? null : plan.Queues.Sum(queue => queue.Messages), plan.Queues.Count, time, progress => _gate.Tell(events.OnProgress, progress));
        QueueEntry[] entries = new QueueEntry[plan.Queues.Count];
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = follows ? Math.Max(1, entries.Length) : plan.Options.MaxConcurrentQueues, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, entries.Length), parallel, async (index, stop) =>
        {
            QueueInfo queue = plan.Queues[index];
            if (context.Journal.FinishedEntry(queue.VirtualHost, queue.Name) is { } finished)
            {
                entries[index] = finished;
                meter.Add(queue.ToString(), finished.Messages, finished.Bytes);
                meter.QueueDone(queue.ToString());
                return;
            }

            (QueueEntry entry, string? hint) = await CaptureQueueAsync(context, queue, meter, stop).ConfigureAwait(false);
            entries[index] = entry;
            context.Journal.Finish(entry);
            if (entry.ReadBy.Length > 0)
            {
                log.QueueCaptured(entry.ToString(), entry.Messages, entry.DepthAtStart, entry.ReadBy, entry.ReleasedBy);
            }

            meter.QueueDone(queue.ToString());
            if (entry.Outcome != QueueOutcome.Captured)
            {
                Fail(FailureOf(entry, hint));
            }
        }).ConfigureAwait(false);
        return [.. entries, .. Gone(context.Journal)];
    }

    private async Task<(QueueEntry Entry, string? Hint)> CaptureQueueAsync(CaptureContext context, QueueInfo planned, ProgressMeter meter, CancellationToken cancellationToken)
    {
        void Advanced(long messages, long bytes) => meter.Add(planned.ToString(), messages, bytes);
        QueueInfo queue;
        try
        {
            queue = await CurrentAsync(context, planned, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception)
        {
            return (new QueueBackup(context, planned, TellSegment, Advanced).Failed(exception), exception.Hint);
        }

        if (queue.Type == QueueTypes.Stream)
        {
            StreamBackup stream = new(context, queue, TellSegment, Advanced, behind => meter.Behind(queue.ToString(), behind));
            return (await stream.RunAsync(cancellationToken).ConfigureAwait(false), stream.Hint);
        }

        QueueBackup backup = new(context, queue, TellSegment, Advanced);
        using QueueLock? own = plan.Options.Force ? null
            : await QueueLock.TakeAsync(plan.Options.CheckpointPath, plan.ClusterName, queue.ToString(), OtherRuns.Patience, time, cancellationToken).ConfigureAwait(false);
        return own is null && !plan.Options.Force
            ? (backup.Skipped(ErrorCode.QueueInUse, QueueBackup.InUse(OtherRuns.ReaderOf(new(queue.VirtualHost, queue.Name)))), null)
            : (await backup.RunAsync(cancellationToken).ConfigureAwait(false), backup.Hint);
    }

    /// <summary>
    /// The queue as it is now. The plan may be hours old, for a person who had to confirm it or for the queues before: meanwhile there may be another queue of the same name, which the plan's way to read would
    /// harm (auto-delete: its deletion; a delivery limit: its messages). One that is gone is told when it is read.
    /// </summary>
    private async Task<QueueInfo> CurrentAsync(CaptureContext context, QueueInfo planned, CancellationToken cancellationToken)
    {
        while (true)
        {
            QueueInfo queue = await context.BrokerRetry.RunAsync(
                async _ =>
                {
                    if (await context.Management.GetQueueAsync(new(planned.VirtualHost, planned.Name), cancellationToken).ConfigureAwait(false) is not { } found)
                    {
                        return planned;
                    }

                    QueueInfo inForce = await context.Policies.ApplyAsync(found, context.Plan.Version, cancellationToken).ConfigureAwait(false);
                    return await context.Members.AskAsync(inForce, context.Plan.Version, cancellationToken).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
            if (!context.Plan.IsCluster || queue.Type == QueueTypes.Classic || ReadSafetyRules.NotAvailable(queue, context.Plan.Version) is null)
            {
                return queue;
            }

            Interlocked.CompareExchange(ref _electingSince, time.GetTimestamp(), 0);
            if (time.GetElapsedTime(_electingSince) > ElectionTime)
            {
                return queue;
            }

            await Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Queues that an earlier attempt finished or began, and that are not on the broker any more.</summary>
    private IEnumerable<QueueEntry> Gone(BackupJournal journal)
    {
        HashSet<(string, string)> here = [.. plan.Queues.Select(queue => (queue.VirtualHost, queue.Name))];
        foreach (QueueEntry queue in journal.Finished.Where(queue => !here.Contains((queue.VirtualHost, queue.Name))))
        {
            yield return queue;
        }

        foreach (QueueEntry queue in journal.Begun.Where(queue => !here.Contains((queue.VirtualHost, queue.Name))))
        {
            SegmentEntry[] segments = [.. journal.Segments(queue.VirtualHost, queue.Name).Select(segment => segment.Entry)];
            QueueEntry gone = queue with
            {
                Outcome = segments.Length > 0 ? QueueOutcome.Incomplete : QueueOutcome.Failed,
                Messages = segments.Sum(segment => segment.Records),
                Bytes = segments.Sum(segment => segment.UncompressedBytes),
                Segments = segments,
                ErrorCode = nameof(ErrorCode.QueueNotFound),
                Reason = "The queue was deleted between the attempts of this backup.",
                Gaps = [new GapEntry(null, nameof(ErrorCode.QueueNotFound), "The queue was deleted before it was read to its end.")],
            };
            Fail(FailureOf(gone));
            yield return gone;
        }
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

    private static RabbitBackupException FailureOf(QueueEntry entry, string? hint = null)
    {
        ErrorCode code = Enum.TryParse(entry.ErrorCode, out ErrorCode known) ? known : ErrorCode.QueueAtRisk;
        string what = entry.Outcome switch
        {
            QueueOutcome.Skipped => "was not read",
            QueueOutcome.Failed => "could not be read",
            _ when entry.Gaps.Any(gap => gap.Code == nameof(ReadStop.CameTwice)) => "was captured with messages that came twice",
            _ when entry.Messages >= entry.DepthAtStart && entry.Gaps.Count == 0 => $"was read to its end ({entry.Messages} messages), but whether all of them are back in it was not seen",
            _ => $"was captured only in part ({entry.Messages} of {entry.DepthAtStart} messages)",
        };
        return new RabbitBackupException(code, $"Queue '{entry.Name}' in virtual host '{entry.VirtualHost}' {what}. {entry.Reason ?? entry.Gaps[0].Reason}")
        {
            Target = entry.ToString(),
            Hint = entry.Outcome == QueueOutcome.Skipped && code == ErrorCode.QueueAtRisk ? "Get-RabbitQueue shows the reasons; -Force reads it all the same where there is a way." : hint,
        };
    }
}
