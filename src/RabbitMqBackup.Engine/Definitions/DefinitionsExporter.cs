using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Gets the definitions of a running cluster.</summary>
public static class DefinitionsExporter
{
    /// <summary>Exports. Needs the user tag <c>administrator</c>.</summary>
    public static Task<DefinitionsDocument> ExportAsync(BrokerOptions broker, DefinitionsSelection selection, CancellationToken cancellationToken = default) => throw new NotSupportedException($"{broker} {selection} {cancellationToken}");
}
