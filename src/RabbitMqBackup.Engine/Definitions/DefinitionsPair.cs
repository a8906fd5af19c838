namespace RabbitMqBackup.Engine.Definitions;

/// <summary>How two sets of definitions are made comparable: the first is transformed and renamed to what the second should be, then the same part is selected of both.</summary>
public sealed record DefinitionsPair
{
    /// <summary>Where the objects of a file of one virtual host belong. Default: the name that the file has for it.</summary>
    public string? VirtualHost { get; init; }

    /// <summary>Which part is compared, by the names in the second. A file of one virtual host is compared with that of the other. Default: all.</summary>
    public DefinitionsSelection Selection { get; init; } = new();

    /// <summary>Names of transformations of the first. Default: none.</summary>
    public IReadOnlyList<string> Transformations { get; init; } = [];

    /// <summary>Other names for the objects of the first. Default: none.</summary>
    public DefinitionsRemapping Remapping { get; init; } = new();

    /// <summary>What the second has otherwise than the first.</summary>
    /// <exception cref="ArgumentException">A file of one virtual host does not tell which, and neither does <see cref="VirtualHost"/>; or there is no transformation of a name.</exception>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/>: what is selected by its name is in neither, or the new names do not fit.</exception>
    public IEnumerable<DefinitionDifference> Compare(DefinitionsDocument first, DefinitionsDocument second)
    {
        DefinitionsSelection selection = Selection;
        DefinitionsDocument before = new DefinitionsEdit { VirtualHost = VirtualHost, Transformations = Transformations, Remapping = Remapping }.Apply(first).Document;
        DefinitionsDocument after = second.ToClusterWide(VirtualHost ?? (first.IsSingleVirtualHost ? before.VirtualHosts[0].Name : null));
        if (first.IsSingleVirtualHost || second.IsSingleVirtualHost)
        {
            // Such a file never has rights of users: that the other side has some is no difference.
            (before, after) = (WithoutRights(before), WithoutRights(after));
        }

        if (selection.IsEverything && (first.IsSingleVirtualHost || second.IsSingleVirtualHost))
        {
            // Only these can't have users; what the other side has beyond the one virtual host is no difference.
            selection = new() { VirtualHosts = [(first.IsSingleVirtualHost ? before : after).VirtualHosts[0].Name] };
        }

        if (!selection.IsEverything)
        {
            // A name that is on one side alone is a difference, not a mistake.
            selection.Apply(DefinitionsDocument.FromObjects(before.Objects.Concat(after.Objects)));
        }

        return DefinitionsComparison.Compare(selection.Apply(before, mustFind: false), selection.Apply(after, mustFind: false));
    }

    private static DefinitionsDocument WithoutRights(DefinitionsDocument document) => document.WithObjects(document.Objects.Where(item => item is not (PermissionDefinition or TopicPermissionDefinition)));
}
