using System.Management.Automation;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Lets a parameter take all that definitions can be read from where a <see cref="DefinitionsSource"/> is wanted.</summary>
internal sealed class DefinitionsSourceTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        try
        {
            return value switch
            {
                DefinitionsSource source => source,
                DefinitionsDocument document => DefinitionsSource.Of(document),
                DefinitionObject item => DefinitionsSource.Of(item),
                IEnumerable<DefinitionObject> items => DefinitionsSource.Of(DefinitionsDocument.FromObjects(items)),
                object[] items when items.Length > 0 && Array.TrueForAll(items, item => Base(item) is DefinitionObject) => DefinitionsSource.Of(DefinitionsDocument.FromObjects(items.Select(Base).Cast<DefinitionObject>())),
                BackupManifest manifest => DefinitionsSource.Of(manifest),
                RabbitConnection connection => DefinitionsSource.Of(connection),
                string text when IsUri(text) => DefinitionsSource.Of(RabbitConnection.Parse(text)),
                string { Length: > 0 } path => DefinitionsSource.OfFile(FilePath.Full(path, engineIntrinsics.SessionState.Path)),
                FileInfo file => DefinitionsSource.OfFile(file.FullName),
                _ => throw new ArgumentException("Definitions come from a file, a backup of Get-RabbitBackup, a connection or an AMQP URI, or what Export-RabbitDefinitions gives."),
            };
        }
        catch (ArgumentException mistake)
        {
            throw new ArgumentTransformationMetadataException(ErrorRecords.Message(mistake), mistake);
        }
    }

    private static object? Base(object? item) => item is PSObject wrapped ? wrapped.BaseObject : item;

    private static bool IsUri(string text) => text.TrimStart().StartsWith("amqp://", StringComparison.OrdinalIgnoreCase) || text.TrimStart().StartsWith("amqps://", StringComparison.OrdinalIgnoreCase);
}
