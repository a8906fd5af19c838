using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Microsoft.PowerShell;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Quickstart;

/// <summary>A PowerShell session in this process, standing in the repository's root folder: what is run here is what would be typed in pwsh.</summary>
internal sealed class ModuleSession : IDisposable
{
    private readonly Runspace _runspace;

    private ModuleSession(Runspace runspace) => _runspace = runspace;

    /// <summary>Opens one.</summary>
    internal static ModuleSession Open()
    {
        InitialSessionState initial = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows())
        {
            initial.ExecutionPolicy = ExecutionPolicy.Bypass;
        }

        Runspace runspace = RunspaceFactory.CreateRunspace(new ConsoleHost(), initial);
        runspace.Open();
        runspace.SessionStateProxy.Path.SetLocation(WorkingCopy.Root);
        return new(runspace);
    }

    /// <summary>Sets a variable.</summary>
    internal void Set(string name, object value) => _runspace.SessionStateProxy.SetVariable(name, value);

    /// <summary>Prints a command, runs it, and shows its results as the prompt would.</summary>
    /// <returns>The results.</returns>
    /// <exception cref="JourneyException">The command reported an error.</exception>
    internal IReadOnlyList<PSObject> Run(string command)
    {
        Story.Command(command);
        Collection<PSObject> results = Invoke(command);
        using PowerShell display = PowerShell.Create(_runspace);
        display.AddCommand("Out-Default").Invoke(results);
        return results;
    }

    /// <inheritdoc/>
    public void Dispose() => _runspace.Dispose();

    private Collection<PSObject> Invoke(string command)
    {
        using PowerShell powerShell = PowerShell.Create(_runspace);
        try
        {
            Collection<PSObject> results = powerShell.AddScript(command).Invoke();
            return powerShell.Streams.Error.Count == 0 ? results : throw Failure(command, powerShell.Streams.Error[0]);
        }
        catch (RuntimeException e)
        {
            throw Failure(command, e.ErrorRecord);
        }
    }

    private static JourneyException Failure(string command, ErrorRecord error)
    {
        string? remedy = error.ErrorDetails?.RecommendedAction;
        return new($"{command}{Environment.NewLine}{error} [{error.FullyQualifiedErrorId}]{(string.IsNullOrEmpty(remedy) ? "" : Environment.NewLine + remedy)}");
    }
}
