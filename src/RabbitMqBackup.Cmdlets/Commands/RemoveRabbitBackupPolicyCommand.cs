using System.Management.Automation;
using RabbitMqBackup.Cmdlets.Completion;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Removes policies that backups have left to keep messages alive.</summary>
[Cmdlet(VerbsCommon.Remove, "RabbitBackupPolicy", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(BackupPolicy))]
public sealed class RemoveRabbitBackupPolicyCommand : BrokerCmdlet
{
    /// <summary>Names of their queues, with wildcards. Default: all.</summary>
    [Parameter(Position = 0)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(QueueNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Queue { get; set; } = [];

    /// <summary>Virtual hosts, with wildcards. Default: the connection's, else all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(VirtualHostCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] VirtualHost { get; set; } = [];

    /// <inheritdoc/>
    protected override void End()
    {
        RabbitConnection connection = OpenConnection();
        string[] hosts = VirtualHost.Length == 0 && connection.VirtualHost is { } only ? [only] : VirtualHost;
        List<BackupPolicy> found = [];
        RunEach(token => BackupPolicies.ListAsync(connection.Options, Queue, hosts, token), found.Add);
        foreach (BackupPolicy policy in found)
        {
            if (MayChange($"Remove the policy '{policy.Name}' in virtual host '{policy.VirtualHost}'. {policy.Consequence}", "Remove-RabbitBackupPolicy", out _)
                && Run(token => BackupPolicies.RemoveAsync(connection.Options, policy, token)))
            {
                WriteVerbose($"Removed the policy '{policy.Name}' in virtual host '{policy.VirtualHost}'. {policy.Consequence}");
                WriteObject(policy);
            }
        }
    }
}
