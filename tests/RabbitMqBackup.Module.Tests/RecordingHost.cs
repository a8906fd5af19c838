using System.Globalization;
using System.Management.Automation.Host;

namespace RabbitMqBackup.Module.Tests;

/// <summary>A host with a person at it who gives the answers that a test prepared, and sees what is shown.</summary>
internal sealed class RecordingHost : PSHost
{
    private readonly RecordingUserInterface _ui = new();

    /// <summary>Labels of the choices to make at the next questions, e.g. <c>&amp;No</c>.</summary>
    internal Queue<string> Answers => _ui.Answers;

    /// <summary>The questions that were asked.</summary>
    internal IReadOnlyList<string> Questions => _ui.Questions;

    /// <summary>The users whose passwords were asked for.</summary>
    internal IReadOnlyList<string> UserNames => _ui.UserNames;

    /// <summary>Everything that was shown, line by line.</summary>
    internal string Shown => _ui.Shown.ToString();

    /// <inheritdoc/>
    public override CultureInfo CurrentCulture => CultureInfo.GetCultureInfo("en-US");

    /// <inheritdoc/>
    public override CultureInfo CurrentUICulture => CultureInfo.GetCultureInfo("en-US");

    /// <inheritdoc/>
    public override Guid InstanceId { get; } = Guid.NewGuid();

    /// <inheritdoc/>
    public override string Name => "Test";

    /// <inheritdoc/>
    public override PSHostUserInterface UI => _ui;

    /// <inheritdoc/>
    public override Version Version => new(1, 0);

    /// <inheritdoc/>
    public override void EnterNestedPrompt() => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void ExitNestedPrompt() => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void NotifyBeginApplication()
    {
    }

    /// <inheritdoc/>
    public override void NotifyEndApplication()
    {
    }

    /// <inheritdoc/>
    public override void SetShouldExit(int exitCode) => throw new NotSupportedException();
}
