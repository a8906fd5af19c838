using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Compares what is to be restored with what the target has. Changes nothing.</summary>
internal sealed class RestorePlanner(RestoreOptions options, ManagementClient management)
{
    private IReadOnlyList<SourceQueue> _sources = [];

    internal async Task<RestorePlan> PlanAsync(CancellationToken cancellationToken)
    {
        _sources = await StreamChains.WithEarlierAsync(SourceQueue.From(options), options, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<string> virtualHosts = await management.ListVirtualHostsAsync(cancellationToken).ConfigureAwait(false);
        List<RestorePlanQueue> rows = [];
        foreach (IGrouping<string, SourceQueue> group in Selected().GroupBy(source => source.Entry.VirtualHost))
        {
            if (!virtualHosts.Contains(group.Key, StringComparer.Ordinal))
            {
                rows.AddRange(group.Select(source => NewRow(source) with { CreatesVirtualHost = true, Declares = true }));
                continue;
            }

            await using BrokerConnection connection = await BrokerConnection.OpenAsync(options.Broker, group.Key, cancellationToken).ConfigureAwait(false);
            foreach (SourceQueue source in group)
            {
                rows.Add(await PlanQueueAsync(connection, source, cancellationToken).ConfigureAwait(false));
            }
        }

        return new RestorePlan { Options = options, Queues = rows };
    }

    /// <summary>A queue that was empty is restored too, as an empty queue; one that was skipped or failed has nothing to restore.</summary>
    private IEnumerable<SourceQueue> Selected()
    {
        List<WildcardPattern> names = [.. options.Queues.Select(name => new WildcardPattern(name))];
        List<SourceQueue> sources = [.. _sources];
        if (names.Find(name => name.IsLiteral && !sources.Exists(source => name.Matches(source.Entry.Name))) is { } missing)
        {
            throw new RabbitBackupException(ErrorCode.QueueNotFound, $"There is no queue '{missing}' in the backup.")
            {
                Target = missing.Text,
                Hint = "The Queues property of the backup lists what it has.",
            };
        }

        return sources.Where(source => source.Count > 0 || source.Entry.Outcome == QueueOutcome.Captured)
            .Where(source => names.Count == 0 || names.Exists(name => name.Matches(source.Entry.Name)));
    }

    private async Task<RestorePlanQueue> PlanQueueAsync(BrokerConnection connection, SourceQueue source, CancellationToken cancellationToken)
    {
        RestorePlanQueue row = NewRow(source);
        if (row.Conflicts.Count > 0)
        {
            return row;
        }

        QueueInfo? target = await management.GetQueueAsync(new QueueName(row.TargetVirtualHost, row.TargetQueue), cancellationToken).ConfigureAwait(false);
        if (target is null)
        {
            return row with { Declares = true };
        }

        List<string> differences = [.. Differences(source.Entry, target)];
        if (differences.Count > 0 && !options.Force)
        {
            return row with
            {
                Conflicts = [$"The queue exists with other properties: {string.Join("; ", differences)}. Use -Force to put the messages into it as it is."],
                ConflictCode = ErrorCode.DefinitionConflict,
            };
        }

        long ready = (await connection.GetDepthAsync(row.TargetQueue, cancellationToken).ConfigureAwait(false)).Messages;
        row = row with { Notes = [.. row.Notes, .. differences] };
        if (target.Type == QueueTypes.Stream)
        {
            // A passive declare of a stream lags behind, and an earlier run of the same restore is no stranger's message.
            ready = Math.Max(ready, target.Messages);
            if (StreamRestore.CanRestore(row) && await StreamRestore.EarlierRunAsync(options, row, TimeProvider.System, cancellationToken).ConfigureAwait(false) is { } offset)
            {
                return row with { Notes = [.. row.Notes, $"An earlier run of this restore has brought over the messages up to offset {offset}; it goes on behind them, and none is sent twice."] };
            }
        }

        return NonEmpty(row, ready + target.Unacknowledged);
    }

    private RestorePlanQueue NonEmpty(RestorePlanQueue row, long present) => (present, options.IfNotEmpty) switch
    {
        (0, _) => row,
        (_, NonEmptyTarget.Append) => row with { Notes = [.. row.Notes, $"The queue has {present} message(s); the restored ones go behind them."] },
        (_, NonEmptyTarget.Skip) => row with { IsSkipped = true, Notes = [.. row.Notes, $"Left as it is: the queue has {present} message(s)."] },
        _ => row with { Conflicts = [$"The queue has {present} message(s). Use -IfNotEmpty Append to put the restored ones behind them, or Skip to leave such queues alone."] },
    };

    private static RestorePlanQueue NewRow(SourceQueue source)
    {
        QueueEntry entry = source.Entry;
        List<string> notes = [];
        if (entry.Outcome is QueueOutcome.Incomplete)
        {
            notes.Add($"The backup holds {entry.Messages} of {entry.DepthAtStart} message(s) of this queue.");
        }

        return new RestorePlanQueue
        {
            VirtualHost = entry.VirtualHost,
            Queue = entry.Name,
            TargetVirtualHost = entry.VirtualHost,
            TargetQueue = entry.Name,
            Type = entry.Type,
            Messages = source.Count,
            Bytes = source.Bytes,
            Source = source,
            Notes = notes,
            Conflicts = entry.Exclusive
                ? ["The queue was exclusive to a connection: one that a restore declares would be gone with the restore's own connection."]
                : [],
        };
    }

    private static IEnumerable<string> Differences(QueueEntry wanted, QueueInfo present)
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
