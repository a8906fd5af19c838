using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Microsoft.PowerShell;

namespace RabbitMqBackup.Module.Tests;

/// <summary>A runspace with the built module, as a person's session has it.</summary>
internal sealed class ModuleSession : IDisposable
{
    private readonly Runspace _runspace;

    /// <param name="import">False for a session in which the test imports the module itself.</param>
    internal ModuleSession(bool import = true)
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows())
        {
            state.ExecutionPolicy = ExecutionPolicy.RemoteSigned;
        }

        if (import)
        {
            state.ImportPSModule(Repository.Manifest);
        }

        _runspace = RunspaceFactory.CreateRunspace(Host, state);
        _runspace.Open();
        Set("Manifest", Repository.Manifest);
    }

    /// <summary>The person at the prompt.</summary>
    internal RecordingHost Host { get; } = new();

    /// <summary>Sets a variable of the session.</summary>
    internal void Set(string name, object? value) => _runspace.SessionStateProxy.SetVariable(name, value);

    /// <summary>Runs a script and gives everything that came of it; a terminating error is in the result, not thrown.</summary>
    internal SessionResult Run(string script)
    {
        using PowerShell shell = Shell(script);
        try
        {
            return SessionResult.Of(shell, shell.Invoke());
        }
        catch (RuntimeException failure)
        {
            return SessionResult.Of(shell, [], failure.ErrorRecord);
        }
    }

    /// <summary>Runs a script that must do its work without an error, and gives its output.</summary>
    internal IReadOnlyList<PSObject> RunCleanly(string script)
    {
        SessionResult result = Run(script);
        return result.Errors.Count == 0
            ? result.Output
            : throw new InvalidOperationException($"'{script}' failed: {string.Join("; ", result.Errors.Select(error => $"{error.FullyQualifiedErrorId}: {error}"))}");
    }

    /// <summary>A shell with a script, for a test that runs it in its own way.</summary>
    internal PowerShell Shell(string script)
    {
        PowerShell shell = PowerShell.Create(_runspace);
        shell.AddScript(script);
        return shell;
    }

    /// <inheritdoc/>
    public void Dispose() => _runspace.Dispose();
}
