using System.Management.Automation;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// Names with wildcards, with the meaning they have for the engine's queue selection: without regard to case, and a name that equals a pattern always matches.
/// </summary>
internal sealed class NameFilter(IReadOnlyList<string> patterns)
{
    private readonly WildcardPattern[] _wildcards =
        [.. patterns.Select(pattern => new WildcardPattern(pattern, WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant))];

    /// <summary>True when there is no pattern, or one that matches.</summary>
    internal bool Matches(string name) => patterns.Count == 0 || patterns.Contains(name) || _wildcards.Any(wildcard => wildcard.IsMatch(name));
}
