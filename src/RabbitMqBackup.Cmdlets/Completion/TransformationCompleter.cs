using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes names of transformations, and tells what each does.</summary>
internal sealed class TransformationCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
    [
        .. DefinitionsTransformations.Names
            .Where(name => name.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase))
            .Select(name => new CompletionResult(name, name, CompletionResultType.ParameterValue, DefinitionsTransformations.Describe(name))),
    ];
}
