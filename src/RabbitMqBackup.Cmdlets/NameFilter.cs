using System.Management.Automation;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// Names with wildcards, with the meaning they have for the engine's queue selection: without regard to case, and a name that equals a pattern always matches.
/// </summary>
internal sealed class NameFilter(IReadOnlyList<string> patterns)
{
    private readonly HashSet<string> _matched = [];
    private readonly WildcardPattern[] _wildcards =
        [.. patterns.Select(pattern => new WildcardPattern(pattern, WildcardOptions.IgnoreCase | WildcardOptions.CultureInvariant))];

    /// <summary>Names without wildcards that nothing matched yet: as PowerShell has it, those are missed and wildcards are not.</summary>
    internal IEnumerable<string> Missed => patterns.Where(pattern => !WildcardPattern.ContainsWildcardCharacters(pattern) && !_matched.Contains(pattern));

    /// <summary>True when there is no pattern, or one that matches.</summary>
    internal bool Matches(string name)
    {
        bool matches = patterns.Count == 0;
        for (int i = 0; i < patterns.Count; i++)
        {
            if (patterns[i] == name || _wildcards[i].IsMatch(name))
            {
                _matched.Add(patterns[i]);
                matches = true;
            }
        }

        return matches;
    }
}
