using System.Management.Automation;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Lets <c>-Store</c> take a path or a URI where a <see cref="BackupStore"/> is wanted.</summary>
internal sealed class StoreTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        PathIntrinsics paths = engineIntrinsics.SessionState.Path;
        try
        {
            return value switch
            {
                BackupStore store => store,
                string text => StoreLocation.Parse(text, paths),
                Uri uri => StoreLocation.Parse(uri.OriginalString, paths),
                DirectoryInfo folder => StoreLocation.Parse(folder.FullName, paths),
                _ => throw new ArgumentException("A store is a folder, a URI, or an object from New-RabbitBackupStore."),
            };
        }
        catch (ArgumentException mistake)
        {
            throw new ArgumentTransformationMetadataException(ErrorRecords.Message(mistake), mistake);
        }
    }
}
