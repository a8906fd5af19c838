using System.Text;
using System.Text.RegularExpressions;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Which policy is in force for a queue. The broker tells it in <c>effective_policy_definition</c>, but not for a queue younger than its first statistics (2 to 8 s)
/// and not where statistics are off; then it is worked out from the policies as the broker does.
/// </summary>
internal sealed class EffectivePolicy
{
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromMilliseconds(200);

    private readonly IReadOnlyList<PolicyRule> _policies;
    private readonly IReadOnlyList<PolicyRule> _operatorPolicies;

    internal EffectivePolicy(IEnumerable<PolicyRule> policies, IEnumerable<PolicyRule> operatorPolicies)
    {
        _policies = [.. policies.OrderByDescending(rule => rule.Priority)];
        _operatorPolicies = [.. operatorPolicies.OrderByDescending(rule => rule.Priority)];
    }

    /// <summary>The user policies, that of the highest priority first.</summary>
    internal IReadOnlyList<PolicyRule> UserPolicies => _policies;

    /// <summary>As it would be without some of the user policies.</summary>
    internal EffectivePolicy Without(Func<PolicyRule, bool> gone) => new(_policies.Where(rule => !gone(rule)), _operatorPolicies);

    /// <summary>The user policy of the highest priority that matches, or null.</summary>
    internal PolicyRule? UserPolicy(QueueName queue, string type) => Match(_policies, queue, type);

    /// <summary>
    /// The same with what the broker has told, some seconds ago, about the queue: it alone knows which of two policies of equal priority is in force, and whether an expression matches that .NET does not know.
    /// </summary>
    internal PolicyRule? UserPolicy(QueueInfo queue)
    {
        QueueName name = new(queue.VirtualHost, queue.Name);
        if (!queue.IsPolicyTold)
        {
            return UserPolicy(name, queue.Type);
        }

        PolicyRule? certain = _policies.FirstOrDefault(rule => Concerns(rule, name, queue.Type) && Matches(rule.Pattern, queue.Name) == true);
        PolicyRule? told = _policies.FirstOrDefault(rule => rule.Name == queue.Policy && Concerns(rule, name, queue.Type) && Matches(rule.Pattern, queue.Name) != false);
        return told is null || certain?.Priority > told.Priority ? certain : told;
    }

    /// <summary>The user policy of the highest priority that matches an exchange, or null.</summary>
    internal PolicyRule? ExchangePolicy(string virtualHost, string name) =>
        _policies.FirstOrDefault(rule => rule.VirtualHost == virtualHost && (rule.ApplyTo is "all" or "exchanges") && Matches(rule.Pattern, name) != false);

    /// <summary>Its definition together with the operator policy's; empty where none matches.</summary>
    internal IReadOnlyDictionary<string, object?> For(QueueName queue, string type) => Merged(UserPolicy(queue, type), queue, type);

    /// <summary>The same with what the broker has told about the queue.</summary>
    internal IReadOnlyDictionary<string, object?> For(QueueInfo queue) => Merged(UserPolicy(queue), new(queue.VirtualHost, queue.Name), queue.Type);

    private Dictionary<string, object?> Merged(PolicyRule? user, QueueName queue, string type)
    {
        Dictionary<string, object?> merged = new(user?.Definition ?? new Dictionary<string, object?>());
        foreach ((string key, object? value) in Match(_operatorPolicies, queue, type)?.Definition ?? new Dictionary<string, object?>())
        {
            merged[key] = merged.TryGetValue(key, out object? own) ? Stricter(own, value) : value;
        }

        return merged;
    }

    // rabbit_policies.erl, merge_policy_value: the smaller number wins (a negative delivery limit means none), anything else is the operator's.
    private static object? Stricter(object? own, object? operators) => (own, operators) switch
    {
        (long a, long b) when a < 0 || b < 0 => Math.Max(a, b),
        (long a, long b) => Math.Min(a, b),
        _ => operators,
    };

    private static PolicyRule? Match(IReadOnlyList<PolicyRule> rules, QueueName queue, string type) =>
        rules.FirstOrDefault(rule => Concerns(rule, queue, type) && Matches(rule.Pattern, queue.Name) != false);

    private static bool Concerns(PolicyRule rule, QueueName queue, string type) => rule.VirtualHost == queue.VirtualHost && rule.AppliesTo(type);

    /// <summary>
    /// Null where .NET can't tell: Erlang's expressions know a few things that .NET's do not. A limit that may be in force is better assumed than missed. The broker matches bytes, not characters.
    /// </summary>
    private static bool? Matches(string pattern, string name)
    {
        try
        {
            return Regex.IsMatch(Octets(name), Octets(pattern), RegexOptions.CultureInvariant, MatchTimeout);
        }
        catch (Exception exception) when (exception is ArgumentException or RegexMatchTimeoutException)
        {
            return null;
        }
    }

    private static string Octets(string text) => Ascii.IsValid(text) ? text : Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
}
