using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>
/// Only one policy is in force for a queue or an exchange. Where it is left out, one of lower priority that was without effect takes its place: a time to live, a limit. Nobody asked for that, so it is
/// warned of.
/// </summary>
internal sealed class ShadowedPolicies(DefinitionsDocument before, DefinitionsDocument after, IEnumerable<DefinitionObject> removed)
{
    private readonly HashSet<(string Host, string Name)> _removed = [.. removed.OfType<PolicyDefinition>().Select(policy => (policy.VirtualHost ?? "", policy.Name))];
    private readonly EffectivePolicy _old = Rules(before);
    private readonly EffectivePolicy _new = Rules(after);

    /// <summary>A line for each policy that takes the place of another.</summary>
    internal IEnumerable<string> Warnings()
    {
        if (_removed.Count == 0)
        {
            return [];
        }

        Dictionary<(string Old, string New, string Host), (DefinitionObject First, int Count)> found = [];
        foreach (DefinitionObject item in after.Objects.Where(item => item is QueueDefinition or ExchangeDefinition))
        {
            if (InForce(_old, item) is { } old && _removed.Contains((old.VirtualHost, old.Name)) && InForce(_new, item) is { } now)
            {
                (string, string, string) key = (old.Name, now.Name, now.VirtualHost);
                found[key] = found.TryGetValue(key, out (DefinitionObject First, int Count) seen) ? seen with { Count = seen.Count + 1 } : (item, 1);
            }
        }

        return found.Select(pair => $"Since the policy '{pair.Key.Old}' in '{pair.Key.Host}' is left out, the policy '{pair.Key.New}' takes effect on the {pair.Value.First}"
            + $"{(pair.Value.Count > 1 ? $" and {pair.Value.Count - 1} more" : "")}: check that this is wanted.");
    }

    private static EffectivePolicy Rules(DefinitionsDocument document) => new(document.Policies.Select(policy => PolicyRule.FromJson(policy.Json)), []);

    private static PolicyRule? InForce(EffectivePolicy rules, DefinitionObject item) =>
        item is QueueDefinition queue ? rules.UserPolicy(new(queue.VirtualHost ?? "", queue.Name), queue.Type) : rules.ExchangePolicy(item.VirtualHost ?? "", item.Name);
}
