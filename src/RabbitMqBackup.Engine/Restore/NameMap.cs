using System.Text;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// New names by old ones. An old name may be a pattern as in <see cref="QueueSelection"/>; then each <c>*</c> in the new name stands for what the <c>*</c> at the same place in the pattern stood for:
/// <c>prod-*</c> → <c>test-*</c>. The exact name comes before patterns, and of several patterns the one with most literal characters counts. A name that nothing fits stays.
/// </summary>
public sealed class NameMap
{
    private readonly List<Rule> _rules = [];

    private NameMap()
    {
    }

    /// <summary>Changes nothing.</summary>
    public static NameMap None { get; } = new();

    /// <summary>It changes nothing.</summary>
    public bool IsEmpty => _rules.Count == 0;

    /// <summary>Old names that are no patterns, and so can be missed.</summary>
    internal IEnumerable<string> ExactNames => _rules.Where(rule => rule.Pattern.IsLiteral).Select(rule => rule.Old);

    /// <summary>New names without a wildcard.</summary>
    internal IEnumerable<string> NewNames => _rules.Where(rule => rule.Stars.Length == 0).Select(rule => rule.Parts[0]);

    /// <summary>Makes a map.</summary>
    /// <param name="names">New names by old ones.</param>
    /// <param name="what">What is renamed, for errors, e.g. <c>QueueMap</c>.</param>
    /// <exception cref="ArgumentException">A name is empty or longer than 255 bytes, a new name has more <c>*</c> than its pattern, or an old name is there twice.</exception>
    public static NameMap Create(IEnumerable<KeyValuePair<string, string>> names, string what)
    {
        NameMap map = new();
        foreach ((string old, string replacement) in names)
        {
            if (old.Length == 0 || replacement.Length == 0 || Encoding.UTF8.GetByteCount(replacement) > byte.MaxValue)
            {
                throw new ArgumentException($"{what}: a name is empty or longer than 255 bytes ('{old}' to '{replacement}').", what);
            }

            Rule rule = new(old, replacement);
            if (rule.Stars.Length > rule.Pattern.Stars)
            {
                throw new ArgumentException($"{what}: '{replacement}' has more * than '{old}', so there is nothing that one of them could stand for.", what);
            }

            if (map._rules.Exists(other => other.Old == old))
            {
                throw new ArgumentException($"{what}: '{old}' is there twice.", what);
            }

            map._rules.Add(rule);
        }

        map._rules.Sort((one, other) => other.Pattern.Literals.CompareTo(one.Pattern.Literals));
        return map;
    }

    /// <summary>The new name, or the same where nothing fits.</summary>
    /// <exception cref="ArgumentException">Two patterns fit equally well and give different names.</exception>
    public string Map(string name)
    {
        if (_rules.Find(rule => rule.Old == name) is { } exact && exact.Stars.Length == 0)
        {
            return exact.Parts[0];
        }

        int found = -1;
        string renamed = name;
        for (int i = 0; i < _rules.Count; i++)
        {
            if (found >= 0 && _rules[i].Pattern.Literals < _rules[found].Pattern.Literals)
            {
                break;
            }

            if (_rules[i].Pattern.Capture(name) is not { } captured)
            {
                continue;
            }

            string candidate = _rules[i].Fill(captured);
            if (found >= 0 && candidate != renamed)
            {
                throw new ArgumentException($"'{_rules[found].Old}' and '{_rules[i].Old}' both fit '{name}', and give it different names: '{renamed}' and '{candidate}'.", name);
            }

            (found, renamed) = (i, candidate);
        }

        return renamed;
    }

    /// <summary>True when there is a new name for this one.</summary>
    internal bool Changes(string name) => !IsEmpty && Map(name) != name;

    /// <summary>For people and for telling one restore from another.</summary>
    public override string ToString() => string.Join(", ", _rules.OrderBy(rule => rule.Old, StringComparer.Ordinal).Select(rule => $"{rule.Old} -> {rule.New}"));

    private sealed class Rule
    {
        internal Rule(string old, string replacement)
        {
            Old = old;
            New = replacement;
            Pattern = new WildcardPattern(old);
            // A backtick makes a * mean itself, as in patterns.
            List<string> parts = [];
            StringBuilder part = new();
            for (int i = 0; i < replacement.Length; i++)
            {
                if (replacement[i] == '`' && i + 1 < replacement.Length)
                {
                    part.Append(replacement[++i]);
                }
                else if (replacement[i] == '*')
                {
                    parts.Add(part.ToString());
                    part.Clear();
                }
                else
                {
                    part.Append(replacement[i]);
                }
            }

            parts.Add(part.ToString());
            Parts = [.. parts];
        }

        internal string Old { get; }

        internal string New { get; }

        internal WildcardPattern Pattern { get; }

        internal string[] Parts { get; }

        internal ReadOnlySpan<string> Stars => Parts.AsSpan(1);

        internal string Fill(IReadOnlyList<string> captured)
        {
            StringBuilder name = new(Parts[0]);
            for (int i = 1; i < Parts.Length; i++)
            {
                name.Append(captured[i - 1]).Append(Parts[i]);
            }

            return name.ToString();
        }
    }
}
