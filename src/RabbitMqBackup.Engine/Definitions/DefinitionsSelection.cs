using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Which definitions are meant. Patterns as in <see cref="QueueSelection"/>.</summary>
public sealed record DefinitionsSelection
{
    /// <summary>Virtual hosts; cluster-wide objects (users, global parameters) are left out when any is given. Default: everything.</summary>
    public IReadOnlyList<string> VirtualHosts { get; init; } = [];

    /// <summary>The selected part of a document.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/>: a virtual host that was named without a wildcard is not there.</exception>
    public DefinitionsDocument Apply(DefinitionsDocument document)
    {
        if (VirtualHosts.Count == 0)
        {
            return document;
        }

        List<WildcardPattern> patterns = [.. VirtualHosts.Select(name => new WildcardPattern(name))];
        if (patterns.Find(pattern => pattern.IsLiteral && !document.Objects.Any(item => item.VirtualHost is { } host && pattern.Matches(host))) is { } missing)
        {
            throw new RabbitBackupException(ErrorCode.DefinitionInvalid, $"There is no virtual host '{missing.Text}' in the definitions.") { Target = missing.Text };
        }

        return document.WithObjects(document.Objects.Where(item => item.VirtualHost is { } host && patterns.Exists(pattern => pattern.Matches(host))));
    }
}
