using System.Management.Automation;

namespace RabbitMqBackup.Module.Tests;

/// <summary>What came of a script, taken before its shell is disposed: afterwards the streams are empty.</summary>
internal sealed record SessionResult
{
    internal required IReadOnlyList<PSObject> Output { get; init; }

    /// <summary>Non-terminating errors, and behind them the terminating one.</summary>
    internal required IReadOnlyList<ErrorRecord> Errors { get; init; }

    internal required IReadOnlyList<string> Warnings { get; init; }

    internal required IReadOnlyList<string> Verbose { get; init; }

    internal required IReadOnlyList<string> Debug { get; init; }

    internal required IReadOnlyList<ProgressRecord> Progress { get; init; }

    /// <summary>The text of all streams, to look for what must not be in them.</summary>
    internal IEnumerable<string> Everything =>
    [
        .. Output.Select(item => item?.ToString() ?? ""),
        .. Output.SelectMany(item => item?.Properties.Select(property => $"{property.Name}={property.Value}") ?? []),
        .. Errors.Select(error => $"{error} {error.Exception} {error.TargetObject} {error.ErrorDetails?.Message} {error.ErrorDetails?.RecommendedAction}"),
        .. Warnings,
        .. Verbose,
        .. Debug,
        .. Progress.Select(record => record.ToString()),
    ];

    internal static SessionResult Of(PowerShell shell, IEnumerable<PSObject> output, ErrorRecord? terminating = null) => new()
    {
        Output = [.. output],
        Errors = terminating is null ? [.. shell.Streams.Error] : [.. shell.Streams.Error, terminating],
        Warnings = [.. shell.Streams.Warning.Select(record => record.Message)],
        Verbose = [.. shell.Streams.Verbose.Select(record => record.Message)],
        Debug = [.. shell.Streams.Debug.Select(record => record.Message)],
        Progress = [.. shell.Streams.Progress],
    };
}
