using System.Management.Automation;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Base of all cmdlets.</summary>
public abstract class AsyncCmdlet : PSCmdlet
{
}
