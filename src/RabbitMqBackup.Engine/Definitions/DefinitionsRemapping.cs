namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Other names for the objects of a document, e.g. to import it beside what is there.</summary>
public sealed record DefinitionsRemapping
{
    /// <summary>New names of virtual hosts by their old ones. Default: none change.</summary>
    public IReadOnlyDictionary<string, string> VirtualHosts { get; init; } = new Dictionary<string, string>();

    /// <summary>New names of users by their old ones. Default: none change.</summary>
    public IReadOnlyDictionary<string, string> Users { get; init; } = new Dictionary<string, string>();

    /// <summary>New prefixes of queues' and exchanges' names by their old ones; of several that fit, the longest counts; an empty old one puts the new one before every name. Default: none change.</summary>
    public IReadOnlyDictionary<string, string> NamePrefixes { get; init; } = new Dictionary<string, string>();

    /// <summary>The document under the new names. What may not fit any more (a policy's pattern, names in URIs of shovels) is a warning.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/>: an old name is not there, or two objects would get the same name.</exception>
    public DefinitionsDocument Apply(DefinitionsDocument document)
    {
        if (ChangesNothing)
        {
            return document;
        }

        Require(VirtualHosts.Keys, "virtual host", [.. document.Objects.Select(item => item.VirtualHost).OfType<string>()]);
        Require(Users.Keys, "user", [.. document.Objects.Where(item => item is UserDefinition or PermissionDefinition or TopicPermissionDefinition).Select(item => item.Name)]);
        DefinitionsRenamer renamer = Renamer();
        List<DefinitionObject> objects = [.. document.Objects.Select(renamer.Apply)];
        HashSet<DefinitionKey> before = [.. document.Objects.Select(item => item.Key)];
        IGrouping<DefinitionKey, DefinitionObject>? clash = before.Count == document.Objects.Count ? objects.GroupBy(item => item.Key).FirstOrDefault(group => group.Count() > 1) : null;
        return clash is null
            ? document.WithObjects(objects, Warnings(document))
            : throw new RabbitBackupException(ErrorCode.DefinitionInvalid, $"Under the new names the {clash.First()} would be there {clash.Count()} times.") { Target = clash.First().ToString() };
    }

    /// <summary>One object under its new names.</summary>
    internal DefinitionObject Apply(DefinitionObject item) => ChangesNothing ? item : Renamer().Apply(item);

    internal bool ChangesNothing => VirtualHosts.Count + Users.Count + NamePrefixes.Count == 0;

    private DefinitionsRenamer Renamer()
    {
        List<KeyValuePair<string, string>> prefixes = [.. NamePrefixes.OrderByDescending(pair => pair.Key.Length)];
        return new()
        {
            VirtualHost = name => VirtualHosts.GetValueOrDefault(name, name),
            User = name => Users.GetValueOrDefault(name, name),
            Queue = (_, name) => Prefixed(name, prefixes),
            Exchange = (_, name) => Prefixed(name, prefixes),
        };
    }

    private static string Prefixed(string name, List<KeyValuePair<string, string>> prefixes)
    {
        foreach ((string old, string replacement) in prefixes)
        {
            if (name.StartsWith(old, StringComparison.Ordinal))
            {
                return replacement + name[old.Length..];
            }
        }

        return name;
    }

    private static void Require(IEnumerable<string> wanted, string noun, HashSet<string> there)
    {
        if (wanted.FirstOrDefault(name => !there.Contains(name)) is { } missing)
        {
            throw new RabbitBackupException(ErrorCode.DefinitionInvalid, $"There is no {noun} '{missing}' in the definitions to be renamed.") { Target = missing };
        }
    }

    private IEnumerable<string> Warnings(DefinitionsDocument document)
    {
        IEnumerable<string> patterns = NamePrefixes.Count == 0
            ? []
            : document.Policies.Where(policy => policy.Pattern is not ("" or ".*" or "^.*" or "^")).Select(policy => $"The {policy} selects by '{policy.Pattern}', which was not changed: check that it fits the new names.");
        IEnumerable<string> parameters = document.Parameters.Where(parameter => parameter.Component is not ("operator_policy" or "vhost-limits"))
            .Select(parameter => $"The {parameter} can name virtual hosts, users, queues and exchanges in its value, which was not changed.");
        return patterns.Concat(parameters);
    }
}
