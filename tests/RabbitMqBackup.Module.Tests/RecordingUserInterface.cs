using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Net;
using System.Security;
using System.Text;

namespace RabbitMqBackup.Module.Tests;

/// <summary>The screen and the keyboard of <see cref="RecordingHost"/>.</summary>
internal sealed class RecordingUserInterface : PSHostUserInterface
{
    internal Queue<string> Answers { get; } = new();

    internal List<string> Questions { get; } = [];

    internal List<string> UserNames { get; } = [];

    internal StringBuilder Shown { get; } = new();

    /// <inheritdoc/>
    public override PSHostRawUserInterface RawUI { get; } = new FixedScreen();

    /// <inheritdoc/>
    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        Questions.Add($"{caption} {message}");
        string answer = Answers.Dequeue();
        return choices.Select(choice => choice.Label).ToList().IndexOf(answer);
    }

    /// <inheritdoc/>
    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName)
    {
        Questions.Add($"{caption} {message}");
        UserNames.Add(userName);
        return new PSCredential(userName, new NetworkCredential("", Answers.Dequeue()).SecurePassword);
    }

    /// <inheritdoc/>
    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) =>
        PromptForCredential(caption, message, userName, targetName);

    /// <inheritdoc/>
    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override string ReadLine() => throw new NotSupportedException();

    /// <inheritdoc/>
    public override SecureString ReadLineAsSecureString() => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(string value) => Shown.Append(value);

    /// <inheritdoc/>
    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Shown.Append(value);

    /// <inheritdoc/>
    public override void WriteLine(string value) => Shown.AppendLine(value);

    /// <inheritdoc/>
    public override void WriteDebugLine(string message) => Shown.AppendLine(message);

    /// <inheritdoc/>
    public override void WriteErrorLine(string value) => Shown.AppendLine(value);

    /// <inheritdoc/>
    public override void WriteVerboseLine(string message) => Shown.AppendLine(message);

    /// <inheritdoc/>
    public override void WriteWarningLine(string message) => Shown.AppendLine(message);

    /// <inheritdoc/>
    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
    }

    /// <summary>80 columns, as a terminal begins.</summary>
    private sealed class FixedScreen : PSHostRawUserInterface
    {
        public override ConsoleColor BackgroundColor { get; set; }

        public override Size BufferSize { get; set; } = new(80, 5000);

        public override Coordinates CursorPosition { get; set; }

        public override int CursorSize { get; set; }

        public override ConsoleColor ForegroundColor { get; set; }

        public override bool KeyAvailable => false;

        public override Size MaxPhysicalWindowSize => WindowSize;

        public override Size MaxWindowSize => WindowSize;

        public override Coordinates WindowPosition { get; set; }

        public override Size WindowSize { get; set; } = new(80, 50);

        public override string WindowTitle { get; set; } = "";

        public override void FlushInputBuffer()
        {
        }

        public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw new NotSupportedException();

        public override KeyInfo ReadKey(ReadKeyOptions options) => throw new NotSupportedException();

        public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) => throw new NotSupportedException();

        public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw new NotSupportedException();

        public override void SetBufferContents(Rectangle rectangle, BufferCell fill) => throw new NotSupportedException();
    }
}
