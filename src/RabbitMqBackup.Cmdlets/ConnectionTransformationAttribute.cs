using System.Management.Automation;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Lets <c>-Connection</c> take an AMQP URI where a <see cref="RabbitConnection"/> is wanted. What can't be taken is never quoted: it may hold a password.</summary>
internal sealed class ConnectionTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        try
        {
            return value switch
            {
                RabbitConnection connection => connection,
                string text => RabbitConnection.Parse(text),
                Uri uri => RabbitConnection.Parse(uri.OriginalString),
                _ => throw new ArgumentException("A connection is an AMQP URI or an object from New-RabbitConnection (one that went through a job or a remote session has lost its password and can't be used)."),
            };
        }
        catch (ArgumentException mistake)
        {
            throw new ArgumentTransformationMetadataException(ErrorRecords.Message(mistake), mistake);
        }
    }
}
