using System.Collections;
using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Text.RegularExpressions;
using RabbitMqBackup.Engine;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>
/// Base of the completers that ask a broker or a store. What can't be had within two seconds is not offered, and nothing is ever thrown:
/// whoever presses Tab wants a suggestion, not an error.
/// </summary>
internal abstract partial class TimedCompleter : IArgumentCompleter
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan KeepFor = TimeSpan.FromSeconds(20);
    private static readonly ConcurrentDictionary<string, (DateTime At, IReadOnlyCollection<string> Names)> Cache = new();

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string begin = wordToComplete.Trim('\'', '"');
        return
        [
            .. Names(fakeBoundParameters)
                .Where(name => name.StartsWith(begin, StringComparison.OrdinalIgnoreCase))
                .Order(StringComparer.OrdinalIgnoreCase)
                .Select(name => new CompletionResult(Quoted(name), name, CompletionResultType.ParameterValue, name)),
        ];
    }

    /// <summary>What there is to list, by the parameters that were typed so far, or null where they don't say.</summary>
    /// <returns>A key that tells one source from another, and the names that it has.</returns>
    private protected abstract (string Source, Func<CancellationToken, IAsyncEnumerable<string>> List)? Find(IDictionary parameters);

    private IReadOnlyCollection<string> Names(IDictionary parameters)
    {
        try
        {
            if (Find(parameters) is not { } found)
            {
                return [];
            }

            string key = $"{GetType().Name} {found.Source}";
            if (Cache.TryGetValue(key, out (DateTime At, IReadOnlyCollection<string> Names) known) && DateTime.UtcNow - known.At < KeepFor)
            {
                return known.Names;
            }

            IReadOnlyCollection<string> names = ListWithinLimit(found.List);
            Cache[key] = (DateTime.UtcNow, names);
            return names;
        }
        catch (Exception mistake) when (mistake is ArgumentException or RuntimeException)
        {
            return [];
        }
    }

    private static SortedSet<string> ListWithinLimit(Func<CancellationToken, IAsyncEnumerable<string>> list)
    {
        ConcurrentQueue<string> names = new();
        using CancellationTokenSource limit = new(Limit);

        // Not waited for any longer than the limit, even where a connection attempt does not heed its cancellation at once.
        Task.Run(() => ListAsync(list, names, limit.Token)).Wait(Limit);
        return new SortedSet<string>(names, StringComparer.Ordinal);
    }

    private static async Task ListAsync(Func<CancellationToken, IAsyncEnumerable<string>> list, ConcurrentQueue<string> names, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (string name in list(cancellationToken).WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                names.Enqueue(name);
            }
        }
        catch (Exception failure) when (failure is RabbitBackupException or OperationCanceledException)
        {
            // What was found so far is offered.
        }
    }

    private static string Quoted(string name) => Plain().IsMatch(name) ? name : $"'{CodeGeneration.EscapeSingleQuotedStringContent(name)}'";

    [GeneratedRegex(@"^[\p{L}\p{Nd}_][\p{L}\p{Nd}_.:/-]*\z")]
    private static partial Regex Plain();
}
