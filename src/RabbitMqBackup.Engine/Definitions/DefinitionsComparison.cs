using System.Text.Json.Nodes;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Compares sets of definitions. What only the spelling of different broker versions makes different counts as equal.</summary>
public static class DefinitionsComparison
{
    /// <summary>
    /// What the second set has otherwise than the first, in the order of kinds. What each cluster makes for itself is left out. Where one side's secrets were redacted, the other's are not looked at.
    /// </summary>
    /// <param name="first">Before.</param>
    /// <param name="second">After.</param>
    public static IEnumerable<DefinitionDifference> Compare(DefinitionsDocument first, DefinitionsDocument second)
    {
        ILookup<DefinitionKind, DefinitionObject> before = first.Objects.Where(item => !item.IsBrokersOwn).ToLookup(item => item.Kind);
        ILookup<DefinitionKind, DefinitionObject> after = second.Objects.Where(item => !item.IsBrokersOwn).ToLookup(item => item.Kind);
        foreach (DefinitionSchema schema in DefinitionSchema.All)
        {
            Dictionary<DefinitionKey, DefinitionObject> old = Index(before[schema.Kind]);
            foreach (DefinitionObject item in Index(after[schema.Kind]).Values)
            {
                if (!old.Remove(item.Key, out DefinitionObject? counterpart))
                {
                    yield return new() { Change = DefinitionChange.Added, Definition = item };
                    continue;
                }

                foreach (DefinitionDifference difference in Compare(counterpart, item))
                {
                    yield return difference;
                }
            }

            foreach (DefinitionObject gone in old.Values)
            {
                yield return new() { Change = DefinitionChange.Removed, Definition = gone };
            }
        }
    }

    /// <summary>Properties in which the same object differs.</summary>
    internal static IEnumerable<DefinitionDifference> Compare(DefinitionObject first, DefinitionObject second)
    {
        if (first.ToJson() == second.ToJson() || first is VirtualHostDefinition { IsBare: true } || second is VirtualHostDefinition { IsBare: true })
        {
            return [];
        }

        (first, second) = WithLikeSecrets(first, second);
        return CanonicalJson.Differences(first.Canonical(), second.Canonical()).Select(difference => new DefinitionDifference
        {
            Change = DefinitionChange.Changed,
            Definition = second,
            Path = difference.Path,
            Before = Show(difference.Path, difference.Left),
            After = Show(difference.Path, difference.Right),
        });
    }

    /// <summary>By identity; of objects that stand there twice the last one counts, as for the broker.</summary>
    internal static Dictionary<DefinitionKey, DefinitionObject> Index(IEnumerable<DefinitionObject> objects)
    {
        Dictionary<DefinitionKey, DefinitionObject> index = [];
        foreach (DefinitionObject item in objects)
        {
            index[item.Key] = item;
        }

        return index;
    }

    private static (DefinitionObject First, DefinitionObject Second) WithLikeSecrets(DefinitionObject first, DefinitionObject second)
    {
        if (DefinitionSecrets.IsRedacted(first) || DefinitionSecrets.IsRedacted(second))
        {
            return (DefinitionSecrets.Redact(first), DefinitionSecrets.Redact(second));
        }

        if (first is not UserDefinition a || second is not UserDefinition b)
        {
            return (first, second);
        }

        (a, b) = (a.SaysNoPassword ? a.WithPasswordOf(b) : a, b.SaysNoPassword ? b.WithPasswordOf(a) : b);
        return (a.WithHashOf(b), b.WithHashOf(a));
    }

    private static string Show(string path, JsonNode? value) => value is null ? "" : DefinitionSecrets.Hide(path, value);
}
