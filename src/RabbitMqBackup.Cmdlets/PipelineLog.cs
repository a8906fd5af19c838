using System.Management.Automation;
using RabbitMqBackup.Engine;

namespace RabbitMqBackup.Cmdlets;

/// <summary>The engine's log as streams of a cmdlet.</summary>
internal sealed class PipelineLog(Cmdlet cmdlet, PipelinePump pump) : IEngineLog
{
    /// <inheritdoc/>
    public void Write(LogLevel level, string message)
    {
        switch (level)
        {
            case LogLevel.Warning:
                pump.Post(() => cmdlet.WriteWarning(message), isNews: true);
                break;
            case LogLevel.Information:
                pump.Post(() => cmdlet.WriteVerbose(message));
                break;
            default:
                pump.Post(() => cmdlet.WriteDebug(message));
                break;
        }
    }
}
