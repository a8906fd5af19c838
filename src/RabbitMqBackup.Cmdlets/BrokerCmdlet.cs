using System.Management.Automation;
using System.Management.Automation.Host;
using System.Net;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Base of the cmdlets that talk to a broker.</summary>
public abstract class BrokerCmdlet : AsyncCmdlet
{
    private const string EnvironmentVariable = "RABBITMQ_BACKUP_CONNECTION";

    // Asked for once, not for each object in the pipeline.
    private NetworkCredential? _password;

    /// <summary>The cluster: a connection from New-RabbitConnection or an AMQP URI. Default: RABBITMQ_BACKUP_CONNECTION, else <c>amqp://guest:guest@localhost:5672/</c>.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ConnectionTransformation]
    [ValidateNotNull]
    public RabbitConnection? Connection { get; set; }

    /// <summary>User and password, instead of those in the connection.</summary>
    [Parameter]
    [Credential]
    [ValidateNotNull]
    public PSCredential? Credential { get; set; }

    /// <summary>The connection in force, with its password.</summary>
    private protected RabbitConnection OpenConnection() => Open(InForce(Connection, Credential));

    /// <summary>A connection with its password, asked for where it is missing.</summary>
    private protected RabbitConnection Open(RabbitConnection connection) =>
        connection.LacksPassword ? connection.With(_password ??= AskPassword(connection)) : connection;

    /// <summary>The connection that was given, else the environment's, else RabbitMQ's own default; with the credential, if one was given.</summary>
    internal static RabbitConnection InForce(RabbitConnection? given, PSCredential? credential)
    {
        RabbitConnection connection = given ?? FromEnvironment() ?? new RabbitConnection(new BrokerOptions(), namesVirtualHost: false, lacksPassword: false);
        return credential is null ? connection : connection.With(credential.GetNetworkCredential());
    }

    private static RabbitConnection? FromEnvironment()
    {
        if (Environment.GetEnvironmentVariable(EnvironmentVariable) is not { Length: > 0 } uri)
        {
            return null;
        }

        try
        {
            return RabbitConnection.Parse(uri);
        }
        catch (ArgumentException mistake)
        {
            throw new ArgumentException($"The environment variable {EnvironmentVariable} can't be used: {ErrorRecords.Message(mistake)}", EnvironmentVariable, mistake);
        }
    }

    private NetworkCredential AskPassword(RabbitConnection connection)
    {
        try
        {
            PSCredential? given = Host.UI.PromptForCredential("RabbitMQ", $"Password for {connection}", connection.UserName, "");
            if (given is not null)
            {
                return given.GetNetworkCredential();
            }
        }
        catch (HostException)
        {
            // A session without a person at it: the message below says what to do there.
        }
        catch (PSInvalidOperationException)
        {
            // pwsh -NonInteractive says it this way.
        }

        throw new ArgumentException($"There is no password for the user '{connection.UserName}' of {connection}: use -Credential.", nameof(Credential));
    }
}
