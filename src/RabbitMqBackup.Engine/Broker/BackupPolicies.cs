using System.Runtime.CompilerServices;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>The policies that backups have left on a cluster.</summary>
public static class BackupPolicies
{
    /// <summary>Lists them, with what the removal of each means.</summary>
    /// <param name="broker">The cluster.</param>
    /// <param name="queues">Names of their queues, with wildcards; none for all.</param>
    /// <param name="virtualHosts">Virtual hosts, with wildcards; none for all.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="RabbitBackupException">The management API can't be used.</exception>
    public static async IAsyncEnumerable<BackupPolicy> ListAsync(
        BrokerOptions broker, IReadOnlyList<string> queues, IReadOnlyList<string> virtualHosts, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        WildcardPattern[] names = [.. queues.Select(text => new WildcardPattern(text))];
        WildcardPattern[] hosts = [.. virtualHosts.Select(text => new WildcardPattern(text))];
        using ManagementClient management = new(broker);
        Version version = (await management.GetOverviewAsync(cancellationToken).ConfigureAwait(false)).Version;
        EffectivePolicy all = await management.GetPoliciesAsync(cancellationToken).ConfigureAwait(false);
        EffectivePolicy others = all.Without(BackupPolicy.IsOurs);
        foreach (PolicyRule rule in all.UserPolicies.Where(BackupPolicy.IsOurs))
        {
            QueueName queue = new(rule.VirtualHost, rule.Name[BackupPolicy.Prefix.Length..]);
            if (Matches(names, queue.Name) && Matches(hosts, queue.VirtualHost))
            {
                QueueInfo? info = await management.GetQueueAsync(queue, cancellationToken).ConfigureAwait(false);
                yield return new BackupPolicy
                {
                    VirtualHost = rule.VirtualHost,
                    Name = rule.Name,
                    Queue = queue.Name,
                    Priority = rule.Priority,
                    DeliveryLimit = rule.Definition.GetValueOrDefault(BackupPolicy.LimitKey) as long? ?? 0,
                    DeliveryLimitWithout = info is null ? null : Limit(info, others, version),
                    Messages = info?.Messages,
                };
            }
        }
    }

    /// <summary>Removes one. False when it was not there any more.</summary>
    /// <exception cref="RabbitBackupException">The user may not, or the management API can't be used.</exception>
    public static async Task<bool> RemoveAsync(BrokerOptions broker, BackupPolicy policy, CancellationToken cancellationToken)
    {
        using ManagementClient management = new(broker);
        return await management.DeletePolicyAsync(policy.VirtualHost, policy.Name, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The limit without our policy, worked out as the broker does.</summary>
    private static long? Limit(QueueInfo queue, EffectivePolicy others, Version version) => DeliveryLimit.Of(
        queue with { DeliveryLimit = null, EffectivePolicy = others.For(new QueueName(queue.VirtualHost, queue.Name), queue.Type) }, version).Value;

    private static bool Matches(WildcardPattern[] patterns, string text) => patterns.Length == 0 || patterns.Any(pattern => pattern.Matches(text));
}
