using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Where definitions come from: a file, a backup, a running cluster, or objects of definitions. What the cmdlets for definitions take; made from each of these by itself.</summary>
public sealed class DefinitionsSource
{
    private readonly string _name;
    private readonly Func<CancellationToken, Task<DefinitionsDocument>>? _read;

    private DefinitionsSource(string name, Func<CancellationToken, Task<DefinitionsDocument>>? read)
    {
        _name = name;
        _read = read;
    }

    /// <summary>The cluster, where the source is a running one.</summary>
    internal RabbitConnection? Connection { get; private init; }

    /// <summary>The single object, where the source is one.</summary>
    internal DefinitionObject? Single { get; private init; }

    /// <inheritdoc/>
    public override string ToString() => _name;

    internal static DefinitionsSource Of(DefinitionsDocument document) => new("definitions", _ => Task.FromResult(document));

    internal static DefinitionsSource Of(DefinitionObject item) => new(item.ToString(), null) { Single = item };

    internal static DefinitionsSource Of(BackupManifest manifest) => new($"backup {manifest}", token => StoredBackups.ReadDefinitionsAsync(manifest, token));

    internal static DefinitionsSource Of(RabbitConnection connection) => new(connection.ToString(), null) { Connection = connection };

    /// <param name="path">A full path.</param>
    internal static DefinitionsSource OfFile(string path) => new(path, new DefinitionsFile(path).ReadAsync);

    /// <summary>Reads what is neither a single object nor a cluster.</summary>
    internal Task<DefinitionsDocument> ReadAsync(CancellationToken cancellationToken) => _read!(cancellationToken);
}
