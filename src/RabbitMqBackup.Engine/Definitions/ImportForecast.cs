using System.Net;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What an import would do to each object, by the definitions and those of the target.</summary>
internal sealed class ImportForecast
{
    private readonly DefinitionsDocument _document;
    private readonly Dictionary<DefinitionKey, DefinitionObject> _target;
    private readonly HashSet<DefinitionKey> _known;
    private readonly NetworkCredential _importer;

    /// <param name="document">As it is to be imported.</param>
    /// <param name="snapshot">The target's.</param>
    /// <param name="importer">The user that imports.</param>
    internal ImportForecast(DefinitionsDocument document, DefinitionsDocument snapshot, NetworkCredential importer)
    {
        _importer = importer;
        _document = document;
        _target = DefinitionsComparison.Index(snapshot.Objects);
        _known = [.. _target.Keys, .. document.Objects.Select(item => item.Key)];
    }

    /// <summary>An item for each virtual host that is missing, and each object.</summary>
    /// <param name="transformed">What transformations changed, by object.</param>
    internal IEnumerable<ImportItem> Items(ILookup<DefinitionKey, string> transformed) => MissingVirtualHosts().Concat(DefinitionsComparison.Index(_document.Objects).Values
        .OrderBy(item => item.Kind)
        .Select(item => Foresee(item) with { Transformed = string.Join("; ", transformed[item.Key]) }));

    /// <summary>Where what is there differs from what is wanted, for people. What no broker knows is not looked at: it was warned of.</summary>
    internal static string Describe(DefinitionObject there, DefinitionObject wanted)
    {
        DefinitionSchema schema = DefinitionSchema.Of(wanted.Kind);
        return string.Join("; ", DefinitionsComparison.Compare(there, wanted)
            .Where(difference => schema.Knows(difference.Path.Split('.', '[')[0]))
            .Select(difference => difference.Before == difference.After ? $"{difference.Path} is another" : $"{difference.Path} is {Show(difference.Before)}, wanted {Show(difference.After)}"));
    }

    private static string Show(string value) => value.Length == 0 ? "not set" : value;

    /// <summary>Virtual hosts that objects are in, but that neither the document nor the target has.</summary>
    private IEnumerable<ImportItem> MissingVirtualHosts()
    {
        HashSet<string> known = [.. _known.Where(key => key.Kind == DefinitionKind.VirtualHost).Select(key => key.Id)];
        return _document.Objects.Select(item => item.VirtualHost).OfType<string>().Where(known.Add).Select(name => new ImportItem
        {
            Definition = VirtualHostDefinition.Named(name),
            Outcome = ImportOutcome.Created,
            Reason = "its objects need it; the definitions do not have it",
        });
    }

    private ImportItem Foresee(DefinitionObject wanted)
    {
        if (wanted.IsBrokersOwn)
        {
            return new() { Definition = wanted, Outcome = ImportOutcome.Skipped, Reason = "each cluster has its own" };
        }

        if (DefinitionSchema.Of(wanted.Kind).BadName(wanted.Json) is { } fault)
        {
            return new() { Definition = wanted, Outcome = ImportOutcome.Failed, Reason = fault };
        }

        if (DefinitionSecrets.IsRedacted(wanted))
        {
            return new() { Definition = wanted, Outcome = ImportOutcome.Skipped, Reason = "its secrets were redacted" };
        }

        if (!_target.TryGetValue(wanted.Key, out DefinitionObject? there))
        {
            return wanted is QueueDefinition && wanted.Name.StartsWith("amq.", StringComparison.Ordinal)
                ? new() { Definition = wanted, Outcome = ImportOutcome.Failed, Reason = "its name is one that a broker gave it, and no broker takes such a name: its application gets another when it declares it anew" }
                : new() { Definition = wanted, Outcome = ImportOutcome.Created, Reason = Lacking(wanted) };
        }

        wanted = wanted is UserDefinition { SaysNoPassword: true } silent ? silent.WithPasswordOf((UserDefinition)there) : wanted;

        string differences = Describe(there, wanted);
        if (differences.Length > 0 && wanted is UserDefinition user && user.Name == _importer.UserName && !user.CanImportWith(_importer.Password))
        {
            // Half an import would be in force, and nobody could read back which.
            return new() { Definition = wanted, Outcome = ImportOutcome.Skipped, Reason = "it is the user that imports, and with its other password or tags the import could not go on: import it as another user" };
        }

        bool canChange = wanted.Kind is not (DefinitionKind.Queue or DefinitionKind.Exchange);
        ImportOutcome outcome = differences.Length == 0 ? ImportOutcome.Equal : canChange ? ImportOutcome.Changed : ImportOutcome.Conflict;
        return new() { Definition = wanted, Outcome = outcome, Reason = differences };
    }

    /// <summary>What an object refers to that neither the definitions nor the target have, for people. It is tried all the same: an exclusive queue is in no definitions.</summary>
    private string Lacking(DefinitionObject item) => item switch
    {
        PermissionDefinition permission => Missing(DefinitionKind.User, null, permission.User),
        TopicPermissionDefinition permission => Missing(DefinitionKind.User, null, permission.User) is { Length: > 0 } user ? user : MissingExchange(item.VirtualHost, permission.Exchange),
        BindingDefinition binding => MissingExchange(item.VirtualHost, binding.Source) is { Length: > 0 } source ? source
            : binding.DestinationType == "queue" ? Missing(DefinitionKind.Queue, item.VirtualHost, binding.Destination) : MissingExchange(item.VirtualHost, binding.Destination),
        _ => "",
    };

    private string MissingExchange(string? host, string name) => name.Length == 0 || name.StartsWith("amq.", StringComparison.Ordinal) ? "" : Missing(DefinitionKind.Exchange, host, name);

    private string Missing(DefinitionKind kind, string? host, string name) => _known.Contains(new(kind, host, name))
        ? ""
        : $"there is no {DefinitionSchema.Of(kind).Noun} '{name}'{(host is null ? "" : $" in '{host}'")}, neither in the definitions nor on the target";
}
