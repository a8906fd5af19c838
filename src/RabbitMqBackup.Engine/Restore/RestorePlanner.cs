using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Compares what is to be restored with what the target has. Changes nothing.</summary>
internal sealed class RestorePlanner(RestoreOptions options, TargetCluster target, ImportPlan? definitions)
{
    /// <summary>Answers in a row, 250 ms apart, after which an empty quorum queue is believed to be empty, and another one to be held: the API's counts are 5 s old at most.</summary>
    internal const int EmptyAnswers = 24;

    private readonly Dictionary<QueueName, RestorePlanQueue> _declared = [];
    private IReadOnlyList<SourceQueue> _sources = [];
    private string? _journal;
    private IReadOnlyDictionary<RestoredQueueKey, RestoreMark>? _earlier;
    private int _trials;

    internal async Task<RestorePlan> PlanAsync(CancellationToken cancellationToken)
    {
        CheckUser();
        target.WillHave(definitions);
        _journal = RestoreJournal.FileOf(options, target.Overview.ClusterName);
        _earlier = _journal is null ? null : RestoreJournal.Read(_journal, options);
        _sources = SourceQueue.From(options, await ChainAsync(cancellationToken).ConfigureAwait(false));
        List<RestorePlanQueue> rows = [];
        SourceCounter counter = new(options);
        OriginalExchanges? exchanges = options.PublishMode == PublishMode.Exchange ? await OriginalExchanges.ReadAsync(options, cancellationToken).ConfigureAwait(false) : null;
        foreach (IGrouping<string, SourceQueue> group in Selected().GroupBy(source => options.Scratch ?? options.VirtualHostMap.Map(source.Entry.VirtualHost)))
        {
            // A virtual host of the user's own rights: a passive declare tells depths exactly, the management API some seconds late.
            BrokerConnection? connection = target.HasVirtualHost(group.Key) ? await BrokerConnection.OpenAsync(options.Broker, group.Key, cancellationToken).ConfigureAwait(false) : null;
            try
            {
                foreach (SourceQueue found in group)
                {
                    SourceQueue source = await counter.ResolveAsync(found, cancellationToken).ConfigureAwait(false);
                    RestorePlanQueue row = NewRow(source);
                    row = exchanges?.Judge(row, target) ?? row;
                    rows.Add(row.Conflicts.Count > 0 ? row : await PlanQueueAsync(connection, row, cancellationToken).ConfigureAwait(false));
                }
            }
            finally
            {
                if (connection is not null)
                {
                    await connection.DisposeAsync().ConfigureAwait(false);
                }
            }
        }

        return new RestorePlan { Options = options, Queues = rows, Definitions = RestoreDefinitions.Without(definitions, rows), Cluster = target.Overview.ClusterName, Journal = _journal, Exchanges = target.PublishableExchanges };
    }

    /// <summary>The backups that the one to be restored goes on from, and itself.</summary>
    private async Task<IReadOnlyList<BackupManifest>> ChainAsync(CancellationToken cancellationToken)
    {
        if (options.Manifest is not { BasedOn: not null, Store: { } store } manifest)
        {
            return [];
        }

        await using BackupCatalog catalog = new(store);
        return await BackupChain.ResolveAsync(catalog, manifest, cancellationToken).ConfigureAwait(false);
    }

    private void CheckUser()
    {
        if (options.KeepUserId && !target.User.Tags.Contains("impersonator"))
        {
            throw new RabbitBackupException(
                ErrorCode.BrokerAccessRefused, $"User '{target.User.Name}' lacks the tag 'impersonator', without which the broker refuses messages that carry the user-id of another user.")
            {
                Target = target.User.Name,
                Hint = "Give the user the tag with 'rabbitmqctl set_user_tags', or restore without -KeepUserId: user-ids of other users are left out then, and counted.",
            };
        }
    }

    /// <summary>A queue that was empty is restored too, as an empty queue, unless only some messages are asked for; one that was skipped or failed has nothing to restore.</summary>
    private IEnumerable<SourceQueue> Selected()
    {
        IReadOnlyList<SourceQueue> sources = _sources;
        // Messages come in batches: what this one lacks can be in the next.
        bool isWhole = options.Messages.Count == 0;
        List<WildcardPattern> names = Patterns(options.Queues, [.. sources.Select(source => source.Entry.Name)], ErrorCode.QueueNotFound, "queue", isWhole);
        List<WildcardPattern> hosts = Patterns(options.VirtualHosts, [.. sources.Select(source => source.Entry.VirtualHost)], ErrorCode.QueueNotFound, "virtual host", isWhole);
        if (isWhole)
        {
            Require(options.QueueMap, [.. sources.Select(source => source.Entry.Name)], "queue");
            Require(options.VirtualHostMap, [.. sources.Select(source => source.Entry.VirtualHost)], "virtual host");
        }

        bool isPart = !RecordFilter.From(options).IsEverything;
        return sources
            .Where(source => source.Count > 0 || (source.Entry.Outcome == QueueOutcome.Captured && !isPart))
            .Where(source => names.Count == 0 || names.Exists(name => name.Matches(source.Entry.Name)))
            .Where(source => hosts.Count == 0 || hosts.Exists(host => host.Matches(source.Entry.VirtualHost)));
    }

    private async Task<RestorePlanQueue> PlanQueueAsync(BrokerConnection? connection, RestorePlanQueue row, CancellationToken cancellationToken)
    {
        QueueName name = new(row.TargetVirtualHost, row.TargetQueue);
        if (_declared.TryGetValue(name, out RestorePlanQueue? before))
        {
            return Behind(row, before);
        }

        QueueInfo? present = connection is null ? null : await target.GetQueueAsync(row.TargetVirtualHost, row.TargetQueue, cancellationToken).ConfigureAwait(false);
        if (present is null)
        {
            RestorePlanQueue missing = Limits(row with { Declares = true, CreatesVirtualHost = connection is null }, 0, null);
            return _declared[name] = Declarable(missing);
        }

        if (ReadSafetyRules.NotAvailable(present, target.Overview.Version) is { } outage)
        {
            return row with
            {
                Conflicts = [$"The queue takes no messages at the moment. {outage.Reason} Start its nodes, or restore under another name (-QueueMap)."],
                ConflictCode = ErrorCode.QueueUnavailable,
            };
        }

        List<string> differences = [.. Differences(row.Shape, present)];
        if (differences.Count > 0 && !options.Force)
        {
            return row with
            {
                Conflicts = [$"The queue exists with other properties: {string.Join("; ", differences)}. Use -Force to put the messages into it as it is."],
                ConflictCode = ErrorCode.DefinitionConflict,
            };
        }

        row = row with { TargetType = present.Type, NotCarriedOver = [], Notes = [.. row.Notes, .. differences] };
        if (StreamRestore.CanRestore(row) && await StreamEarlierRun.FindAsync(options, row, TimeProvider.System, cancellationToken).ConfigureAwait(false) is { } earlier)
        {
            // The messages there are no stranger's: a passive declare or the API would count them as such.
            return _declared[name] = GoingOn(row, earlier);
        }

        if (options.Resume && _earlier?.GetValueOrDefault(RestoreJournal.Key(row.Source)) is { } mark)
        {
            return _declared[name] = row with
            {
                Mark = mark,
                Notes = [.. row.Notes, $"Goes on behind {mark.Passed} message(s) that an earlier run brought over; up to {Math.Min(mark.Beyond, row.Messages - mark.Passed)} may be there twice then."],
            };
        }

        long ready = present.Type == QueueTypes.Stream ? present.Messages : await ReadyAsync(AskAsync, present, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        long held = ready > 0 ? present.Unacknowledged : await HeldAsync(present, cancellationToken).ConfigureAwait(false);
        return _declared[name] = Limits(NonEmpty(row, ready + held), ready, present);

        async Task<long> AskAsync(CancellationToken cancel) => (await connection!.GetDepthAsync(present.Name, cancel).ConfigureAwait(false)).Messages;
    }

    /// <summary>Behind what an earlier run has brought over. What that has left out can't be put before the rest any more; what retention took, it takes from any restore.</summary>
    private RestorePlanQueue GoingOn(RestorePlanQueue row, StreamEarlierRun earlier)
    {
        row = row with { Notes = [.. row.Notes, $"An earlier run of this restore has brought over the messages up to offset {earlier.Offset}; it goes on behind them, and none is sent twice."] };
        return earlier.Missing is not { } missing ? row
            : earlier.WasTruncated || options.Force ? row with { Notes = [.. row.Notes, $"But {missing}"], Limits = [.. row.Limits, $"Not all is there: {missing}"] }
            : row with { Conflicts = [$"An earlier run of this restore went into this stream, but {missing} Restore under another name (-QueueMap), or delete the stream first; -Force adds only what comes behind."] };
    }

    /// <summary>
    /// A quorum queue whose leader takes longer than 250 ms is reported as empty by a passive declare. The API's count, some seconds old, tells that it may be so: then the answer must stay the same for as long as that count can be old.
    /// </summary>
    /// <param name="ask">Asks for the ready messages by passive declare.</param>
    /// <param name="present">The queue, with the API's count.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal static async Task<long> ReadyAsync(Func<CancellationToken, Task<long>> ask, QueueInfo present, TimeProvider time, CancellationToken cancellationToken)
    {
        for (int asked = 1; ; asked++)
        {
            long ready = await ask(cancellationToken).ConfigureAwait(false);
            if (ready > 0 || present.Type != QueueTypes.Quorum || present.Messages == 0 || asked == EmptyAnswers)
            {
                return ready;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(250), time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Of an empty queue, what consumers hold, which only the API tells: a backup that ended just now, or a purge, is known there some seconds later.</summary>
    private async Task<long> HeldAsync(QueueInfo present, CancellationToken cancellationToken)
    {
        for (int asked = 1; present.Unacknowledged > 0 && asked < EmptyAnswers; asked++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(250), cancellationToken).ConfigureAwait(false);
            present = await target.GetQueueAsync(present.VirtualHost, present.Name, cancellationToken).ConfigureAwait(false) ?? present;
        }

        return present.Unacknowledged;
    }

    /// <summary>Another queue of the backup goes into the same target: its messages follow.</summary>
    private RestorePlanQueue Behind(RestorePlanQueue row, RestorePlanQueue before)
    {
        if (before.Conflicts.Count > 0 || before.IsSkipped)
        {
            return row with { Conflicts = before.Conflicts, ConflictCode = before.ConflictCode, IsSkipped = before.IsSkipped, Notes = [.. row.Notes, .. before.IsSkipped ? before.Notes : []] };
        }

        string[] differences = before.Declares && !options.Force ? [.. Differences(row.Shape, before.Shape)] : [];
        return differences.Length == 0
            ? row with { TargetType = before.TargetType, Notes = [.. row.Notes, $"Its messages go behind those of {before.VirtualHost}/{before.Queue}, into the same queue."] }
            : row with
            {
                Conflicts = [$"It goes into the same queue as {before.VirtualHost}/{before.Queue}, which has other properties: {string.Join("; ", differences)}. Use -Force to put the messages into it all the same."],
                ConflictCode = ErrorCode.DefinitionConflict,
            };
    }

    /// <summary>What the target's version does not permit any more.</summary>
    private RestorePlanQueue Declarable(RestorePlanQueue row) => !row.Shape.Durable && target.Denies("transient_nonexcl_queues")
        ? row with { Conflicts = [$"The queue is transient and not exclusive, which {target.Overview.ClusterName} (RabbitMQ {target.Overview.RabbitMqVersion}) does not permit. Declare it durable there, or use -QueueType quorum."], ConflictCode = ErrorCode.DefinitionInvalid }
        : row;

    private RestorePlanQueue NonEmpty(RestorePlanQueue row, long present) => (present, options.IfNotEmpty) switch
    {
        (0, _) => row,
        (_, NonEmptyTarget.Append) => row with { Notes = [.. row.Notes, $"The queue has {present} message(s); the restored ones go behind them."] },
        (_, NonEmptyTarget.Skip) => row with { IsSkipped = true, Notes = [.. row.Notes, $"Left as it is: the queue has {present} message(s)."] },
        _ when options.Resume && _earlier?.ContainsKey(RestoreJournal.Key(row.Source)) != true =>
            row with { Conflicts = [$"The queue has {present} message(s), and there is no restore of it to resume: none of this backup with the same selection, names and target was cut on this machine. Use -IfNotEmpty Append to put all messages behind those that are there."] },
        _ when _earlier?.ContainsKey(RestoreJournal.Key(row.Source)) == true =>
            row with { Conflicts = [$"The queue has {present} message(s), and an earlier run of this restore was cut: use -Resume to go on with it, or -IfNotEmpty Append to put all messages behind those that are there."] },
        _ => row with { Conflicts = [$"The queue has {present} message(s). Use -IfNotEmpty Append to put the restored ones behind them, or Skip to leave such queues alone."] },
    };

    /// <summary>Limits of the queue that the messages will feel, by argument or policy.</summary>
    private static RestorePlanQueue Limits(RestorePlanQueue row, long present, QueueInfo? queue)
    {
        List<string> notes = [];
        IReadOnlyDictionary<string, object?> arguments = queue?.Arguments ?? row.Shape.Arguments;
        long? length = Limit("max-length");
        if (length < present + row.Messages && row.TargetType != QueueTypes.Stream)
        {
            bool rejects = Setting("overflow") is "reject-publish" or "reject-publish-dlx";
            notes.Add(rejects
                ? $"The queue takes at most {length} message(s) and rejects what goes beyond: some will not be restored."
                : $"The queue holds at most {length} message(s): the oldest beyond that are dropped or dead-lettered at once.");
        }

        if (Limit("max-length-bytes") is { } bytes && bytes < row.Bytes)
        {
            notes.Add($"The queue holds at most {bytes} bytes, and the messages have about {row.Bytes}.");
        }

        if (Limit("message-ttl") is { } ttl && row.Messages > 0)
        {
            notes.Add($"The queue's messages live {TimeSpan.FromMilliseconds(ttl)}; that begins anew.");
        }

        return notes.Count == 0 ? row : row with { Notes = [.. row.Notes, .. notes], Limits = notes };

        object? Setting(string name) => arguments.GetValueOrDefault("x-" + name) ?? queue?.EffectivePolicy.GetValueOrDefault(name);
        long? Limit(string name) => Setting(name) as long?;
    }

    private RestorePlanQueue NewRow(SourceQueue source)
    {
        QueueEntry entry = source.Entry;
        // Streams change only where the queues were named: asking for quorum queues on the way to 4.x is not meant to make queues of streams.
        string? type = entry.Type == QueueTypes.Stream && options.Queues.Count == 0 ? null : options.QueueType;
        QueueShape shape = QueueShape.Of(entry, type, target.Overview.Version);
        List<string> notes = [];
        if (entry.Outcome is QueueOutcome.Incomplete)
        {
            notes.Add($"The backup holds {entry.Messages} of {entry.DepthAtStart} message(s) of this queue.");
        }

        // Queues of several virtual hosts meet in the one of a trial.
        string name = options.Scratch is null ? options.QueueMap.Map(entry.Name) : $"queue-{++_trials}";
        if (Encoding.UTF8.GetByteCount(name) > byte.MaxValue)
        {
            throw new ArgumentException($"The new name of queue '{entry.Name}' is longer than 255 bytes: '{name}'.", nameof(options));
        }

        if (entry.Type == QueueTypes.Stream && shape.Type != QueueTypes.Stream)
        {
            notes.Add("Messages of the stream are converted as a consumer of AMQP 0-9-1 would get them: what that has no place for (footers, annotations, several body sections, types of application properties) is lost.");
        }

        notes.AddRange(QueueShape.MessageChanges(entry.Type, shape.Type, target.Overview.Version));
        return new RestorePlanQueue
        {
            VirtualHost = entry.VirtualHost,
            Queue = entry.Name,
            TargetVirtualHost = options.Scratch ?? options.VirtualHostMap.Map(entry.VirtualHost),
            TargetQueue = name,
            Type = entry.Type,
            TargetType = shape.Type,
            Messages = source.Count,
            IsEstimate = source.IsEstimate,
            Bytes = source.Bytes,
            NotCarriedOver = shape.NotCarriedOver,
            Source = source,
            Shape = options.Scratch is null ? shape : shape.WithoutLimits(),
            Notes = notes,
            Conflicts = [.. Objections(entry, shape)],
        };
    }

    private IEnumerable<string> Objections(QueueEntry entry, QueueShape shape)
    {
        if (entry.Exclusive && options.Scratch is null)
        {
            yield return "The queue was exclusive to a connection: one that a restore declares would be gone with the restore's own connection.";
        }

        if (entry.Type == QueueTypes.Stream && shape.Type == QueueTypes.Stream && options.TimeBasis == TimeBasis.MessageTimestamp && (options.After ?? options.Before) is not null)
        {
            yield return "A part of a stream is chosen by the time at which the broker stored the messages: use -TimeBasis CapturedAt.";
        }
    }

    private static List<WildcardPattern> Patterns(IReadOnlyList<string> wanted, HashSet<string> there, ErrorCode code, string noun, bool demand)
    {
        List<WildcardPattern> patterns = [.. wanted.Select(name => new WildcardPattern(name))];
        return demand && patterns.Find(pattern => pattern.IsLiteral && !there.Any(pattern.Matches)) is { } missing ? throw Missing(missing.Text, code, noun) : patterns;
    }

    private static void Require(NameMap map, HashSet<string> there, string noun)
    {
        if (map.ExactNames.FirstOrDefault(name => !there.Any(new WildcardPattern(name).Matches)) is { } missing)
        {
            throw Missing(missing, ErrorCode.QueueNotFound, noun);
        }
    }

    private static RabbitBackupException Missing(string name, ErrorCode code, string noun) => new(code, $"There is no {noun} '{name}' in the backup.")
    {
        Target = name,
        Hint = "The Queues property of the backup lists what it has.",
    };

    private static IEnumerable<string> Differences(QueueShape wanted, QueueInfo present) =>
        Differences(wanted, new QueueShape { Type = present.Type, Durable = present.Durable, AutoDelete = present.AutoDelete, Arguments = present.Arguments });

    private static IEnumerable<string> Differences(QueueShape wanted, QueueShape present)
    {
        if (wanted.Type != present.Type)
        {
            yield return $"type is {present.Type}, was {wanted.Type}";
        }

        if (wanted.Durable != present.Durable)
        {
            yield return $"durable is {present.Durable}, was {wanted.Durable}";
        }

        if (wanted.AutoDelete != present.AutoDelete)
        {
            yield return $"auto-delete is {present.AutoDelete}, was {wanted.AutoDelete}";
        }

        foreach (string name in wanted.Arguments.Keys.Union(present.Arguments.Keys).Where(name => name != "x-queue-type").Order(StringComparer.Ordinal))
        {
            object? was = wanted.Arguments.GetValueOrDefault(name);
            object? now = present.Arguments.GetValueOrDefault(name);
            if (!ArgumentValue.AreEqual(was, now))
            {
                yield return $"argument {name} is {ArgumentValue.Display(now)}, was {ArgumentValue.Display(was)}";
            }
        }
    }
}
