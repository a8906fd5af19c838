using RabbitMqBackup.Engine.Definitions.Transformations;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Named changes to definitions, for migrations between versions and for sharing. They can be combined; their order is fixed, so that one does not take from another what it needs to see.</summary>
public static class DefinitionsTransformations
{
    private const string ExcludePolicies = "ExcludePolicies";

    private static readonly Transformation[] InOrder =
    [
        new PrepareForQuorum(),
        new RemoveClassicMirroring(),
        new RemoveRefusedBy4(),
        new ExcludeKinds("ExcludeUsers", "Leaves out users, their permissions and topic permissions.", DefinitionKind.User, DefinitionKind.Permission, DefinitionKind.TopicPermission),
        new ExcludeKinds("ExcludePermissions", "Leaves out permissions and topic permissions.", DefinitionKind.Permission, DefinitionKind.TopicPermission),
        new ExcludeKinds(ExcludePolicies, "Leaves out policies.", DefinitionKind.Policy),
        new ExcludeKinds("ExcludeParameters", "Leaves out parameters of components and of the cluster.", DefinitionKind.Parameter, DefinitionKind.GlobalParameter),
        new RedactSecrets(),
        new ObfuscateNames(),
    ];

    // Names that stand for several.
    private static readonly Dictionary<string, string[]> Combined = new(StringComparer.OrdinalIgnoreCase)
    {
        ["MigrateTo4"] = ["RemoveClassicMirroring", "RemoveRefusedBy4"],
    };

    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names => [.. Combined.Keys, .. InOrder.Select(transformation => transformation.Name)];

    /// <summary>What a transformation does, for people.</summary>
    /// <exception cref="ArgumentException">There is none of this name.</exception>
    public static string Describe(string name) => Combined.TryGetValue(name, out string[]? parts) ? $"{string.Join(" and ", parts)}." : Find(name).Description;

    /// <summary>Makes sure that there are transformations of these names.</summary>
    /// <exception cref="ArgumentException">There is none of a name.</exception>
    public static void Check(IEnumerable<string> names) => Expand(names);

    /// <summary>Applies transformations.</summary>
    /// <param name="document">What to transform; it stays as it is.</param>
    /// <param name="names">Which, without regard to case.</param>
    /// <exception cref="ArgumentException">There is none of a name.</exception>
    public static TransformationResult Apply(DefinitionsDocument document, IEnumerable<string> names)
    {
        HashSet<Transformation> wanted = Expand(names);
        List<TransformationChange> changes = [];
        DefinitionsDocument transformed = document;
        foreach (Transformation transformation in InOrder.Where(wanted.Contains))
        {
            transformed = transformation.Apply(transformed, changes);
        }

        IEnumerable<DefinitionObject> removed = changes.Where(change => change.IsRemoval && change.Transformation != ExcludePolicies).Select(change => change.Definition);
        return new(transformed.WithObjects(transformed.Objects, new ShadowedPolicies(document, transformed, removed).Warnings()), changes);
    }

    private static HashSet<Transformation> Expand(IEnumerable<string> names) => [.. names.SelectMany(name => Combined.TryGetValue(name, out string[]? parts) ? parts : [name]).Select(Find)];

    private static Transformation Find(string name) => Array.Find(InOrder, transformation => string.Equals(transformation.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There is no transformation '{name}'. There are: {string.Join(", ", Names)}.", nameof(name));
}
