using System.Runtime.CompilerServices;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>The queues of a cluster, with the verdict of the pre-flight check.</summary>
public static class QueueListing
{
    // Beyond so many a listing is cheaper than asking one by one.
    private const int MaxSingleRequests = 20;

    /// <summary>Lists the selected queues.</summary>
    /// <param name="broker">The cluster.</param>
    /// <param name="selection">Which queues.</param>
    /// <param name="onProblem">
    /// Told, after the queues were listed, of what was asked for and could not be listed: a queue named without a wildcard that is not there (<see cref="ErrorCode.QueueNotFound"/>), a
    /// virtual host that is not there or in which the user has no permission (<see cref="ErrorCode.BrokerAccessRefused"/>). Null: the first such is thrown.
    /// </param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ArgumentException">The selection can't be understood.</exception>
    /// <exception cref="RabbitBackupException">The management API can't be used.</exception>
    public static async IAsyncEnumerable<QueueInfo> ListAsync(
        BrokerOptions broker,
        QueueSelection selection,
        Action<RabbitBackupException>? onProblem = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using ManagementClient management = new(broker);
        await foreach (QueueInfo queue in ListAsync(management, selection, new(), onProblem, cancellationToken).ConfigureAwait(false))
        {
            yield return queue;
        }
    }

    /// <summary>The same over a client that the caller has, with what the pre-flight check is to take into account.</summary>
    internal static async IAsyncEnumerable<QueueInfo> ListAsync(
        ManagementClient management,
        QueueSelection selection,
        ReadSafetyOptions options,
        Action<RabbitBackupException>? onProblem,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        QueueSelectionMatcher matcher = new(selection);
        QueueMembers members = new(management);
        List<RabbitBackupException> problems = [];
        Version version = (await management.GetOverviewAsync(cancellationToken).ConfigureAwait(false)).Version;
        IAsyncEnumerable<QueueInfo> source = selection.Exactly is { Count: <= MaxSingleRequests } few
            ? GetEachAsync(management, few, cancellationToken)
            : ListAllAsync(management, selection, matcher, problems, cancellationToken);
        await foreach (QueueInfo queue in source.ConfigureAwait(false))
        {
            if (matcher.Matches(queue) && !RestoreClaims.IsClaim(queue))
            {
                yield return WithVerdict(await members.AskWhileUpgradingAsync(queue, version, cancellationToken).ConfigureAwait(false), version, options);
            }
        }

        problems.AddRange(matcher.Missing.Select(name => NotFound(management, name)));
        foreach (RabbitBackupException problem in problems)
        {
            (onProblem ?? throw problem)(problem);
        }
    }

    /// <summary>The queue with the pre-flight check's decision.</summary>
    internal static QueueInfo WithVerdict(QueueInfo queue, Version broker, ReadSafetyOptions options)
    {
        ReadDecision decision = ReadSafety.Decide(queue, broker, options);
        return queue with { Verdict = decision.Verdict, Reasons = decision.Reasons, Decision = decision };
    }

    private static async IAsyncEnumerable<QueueInfo> GetEachAsync(ManagementClient management, IReadOnlyList<QueueName> names, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (QueueName name in names.Distinct())
        {
            if (await management.GetQueueAsync(name, cancellationToken).ConfigureAwait(false) is { } queue)
            {
                yield return queue;
            }
        }
    }

    /// <summary>
    /// Lists the virtual hosts that may be meant. The API leaves out, without a word, the queues of virtual hosts in which the user has no permission (whatever its tags): a virtual host
    /// that is there and had no queue is asked for by itself, and a refusal reported.
    /// </summary>
    private static async IAsyncEnumerable<QueueInfo> ListAllAsync(
        ManagementClient management,
        QueueSelection selection,
        QueueSelectionMatcher matcher,
        List<RabbitBackupException> problems,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<string> candidates = [.. (await management.ListVirtualHostsAsync(cancellationToken).ConfigureAwait(false)).Where(matcher.MatchesVirtualHost)];
        foreach (WildcardPattern named in matcher.NamedVirtualHosts.Where(pattern => !candidates.Exists(pattern.Matches)))
        {
            problems.Add(management.NoVirtualHost(named.Text));
        }

        HashSet<string> seen = [];
        bool whole = selection.VirtualHosts.Count == 0;
        if (whole)
        {
            await foreach (QueueInfo queue in management.ListQueuesAsync(null, cancellationToken).ConfigureAwait(false))
            {
                seen.Add(queue.VirtualHost);
                yield return queue;
            }
        }

        foreach (string virtualHost in candidates.Where(name => !seen.Contains(name)))
        {
            if (!await management.MayListQueuesAsync(virtualHost, cancellationToken).ConfigureAwait(false))
            {
                problems.Add(management.NoVirtualHost(virtualHost));
            }
            else if (!whole)
            {
                await foreach (QueueInfo queue in management.ListQueuesAsync(virtualHost, cancellationToken).ConfigureAwait(false))
                {
                    yield return queue;
                }
            }
        }
    }

    private static RabbitBackupException NotFound(ManagementClient management, string name) =>
        new(ErrorCode.QueueNotFound, $"There is no queue '{name}' on {management.DisplayUri}, or the user has no permission in its virtual host.")
        {
            Target = name,
            Hint = "Get-RabbitQueue lists the queues that are there.",
        };
}
